"""Numbers and names as people read them."""

import re
from collections.abc import Iterable
from math import exp, isfinite
from unicodedata import category

#: What a slice and its values are called, where the column's own name would not be understood.
_SLICES = {
    "text_present": "Has a title",
    "age_at_snapshot1": "Age at first capture",
    "channel_seen_in_train": "Channel in training",
    "label_type": "Label",
    "channel_size": "Subscribers",
}
_YES_NO = {"1": "yes", "0": "no"}
_SUFFIXES = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
_MINUS = "−"


def decimals(value: float | None, places: int = 3) -> str:
    """`0.812`, `1.2M` from a thousand on, `–` where there is none."""
    if value is None or not isfinite(value):
        return "–"
    if abs(value) >= 1000:  # noqa: PLR2004
        return short(value)
    return f"{round(value, places) + 0.0:.{places}f}".replace("-", _MINUS)  # what rounds to zero has no sign


def signed(value: float | None, places: int = 3) -> str:
    """As `decimals`, a plus before what is above zero."""
    said = decimals(value, places)
    return f"+{said}" if value is not None and isfinite(value) and round(value, places) > 0 else said


def short(value: float | None) -> str:
    """`1.2M`, `34k`, `870`: three digits at most."""
    if value is None or not isfinite(value):
        return "–"
    for unit, suffix in _SUFFIXES:
        if abs(value) >= unit * 0.9995:
            return f"{value / unit:.3g}{suffix}".replace("-", _MINUS)
    return f"{value:.3g}".replace("-", _MINUS)


def grouped(count: float | None) -> str:
    """`1,234,567`."""
    return "–" if count is None or not isfinite(count) else f"{count:,.0f}"


def share(value: float | None) -> str:
    """`47 %`; what is not nothing is never `0 %`."""
    if value is None or not isfinite(value):
        return "–"
    return "< 1 %" if 0 < value < 0.005 else f"{value:.0%}".replace("%", " %")  # noqa: PLR2004


def multiple(log: float | None) -> str:
    """A difference of logarithms as a multiple: `×2.3`, `÷1.4`."""
    if log is None or not isfinite(log):
        return "–"
    times = exp(min(abs(log), 700))
    said = short(times) if times >= 100 else f"{times:.0f}" if times >= 10 else f"{times:.1f}"  # noqa: PLR2004
    return f"{'÷' if log < 0 and said != '1.0' else '×'}{said}"


def interval(low: float | None, high: float | None, *, plus: bool = False) -> str:
    """`[0.771, 0.856]`; `no interval` where one end is unknown."""
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return "no interval"
    said = signed if plus else decimals
    return f"[{said(low)}, {said(high)}]"


def shown_title(title: str | None, longest: int = 140) -> str:
    """A title on one line, without control characters, cut where it is very long; empty where there is none."""
    clean = "".join(" " if category(sign) in ("Cc", "Cn", "Cs") else sign for sign in (title or "")[: 4 * longest])
    clean = " ".join(clean.split())
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def slice_name(by: str) -> str:
    """What a slice is called."""
    return _SLICES.get(by, by.replace("_", " "))


def slice_value(by: str, value: str) -> str:
    """What one value of a slice is called: `yes`, `10k–100k`, `24–48 h`."""
    if by in ("text_present", "channel_seen_in_train"):
        return _YES_NO.get(value, value)
    if by == "channel_size":
        value = re.sub(r"\d+", lambda digits: short(int(digits[0])), value)
    return re.sub(r"(?<=[\dkMB])-(?=\d)", "–", value)


def in_order(values: Iterable[str]) -> list[str]:
    """Values of a slice by the number they begin with, then by name; what is not known comes last."""

    def place(value: str) -> tuple[bool, float, int, str]:
        number = re.match(r"\d+", value)
        return value == "unknown", float(number[0]) if number else -1.0, value.endswith("+"), value

    return sorted(values, key=place)
