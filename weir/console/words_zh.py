"""The Chinese table, of its parts."""

from __future__ import annotations

from collections.abc import Mapping

from weir.console.words_zh_a import PAGES_A
from weir.console.words_zh_b import PAGES_B
from weir.console.words_zh_indicators import INDICATORS
from weir.console.words_zh_said import SAID

ZH: Mapping[str, str] = {**PAGES_A, **PAGES_B, **SAID, **INDICATORS}
