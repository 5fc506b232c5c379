"""The agent beside a resource manager: it polls, exchanges with its parents, acts, remembers."""
