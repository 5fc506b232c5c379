"""Pure types and laws: plain data, no clock, no chance, no input or output."""
