"""The Chinese table, of its parts."""

from __future__ import annotations

from collections.abc import Mapping

from weir.console.words_zh_a import PAGES_A
from weir.console.words_zh_alerts import ALERTS
from weir.console.words_zh_b import PAGES_B
from weir.console.words_zh_c import PAGES_C
from weir.console.words_zh_freshness import FRESHNESS
from weir.console.words_zh_indicators import INDICATORS
from weir.console.words_zh_links import LINKS
from weir.console.words_zh_network import NETWORK
from weir.console.words_zh_operations import OPERATIONS
from weir.console.words_zh_reports import REPORTS
from weir.console.words_zh_said import SAID
from weir.console.words_zh_usage import USAGE
from weir.core.plan import MEANINGS
from weir.scheduling.explain_words_zh import MEANINGS_ZH

REASONS: Mapping[str, str] = {said: MEANINGS_ZH[reason] for reason, said in MEANINGS.items()}

ZH: Mapping[str, str] = {
    **PAGES_A,
    **PAGES_B,
    **PAGES_C,
    **SAID,
    **INDICATORS,
    **LINKS,
    **OPERATIONS,
    **ALERTS,
    **USAGE,
    **REASONS,
    **REPORTS,
    **FRESHNESS,
    **NETWORK,
}
