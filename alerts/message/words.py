"""The words of messages, by language. Fields in braces are filled in by `message.py` and `shown.py`."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own, and titles a dash

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from alerts.alert import Ending, Severity
from alerts.notice import Cause
from alerts.rules.rule import Aggregate
from telemetry.catalogue.load import label

Unit = tuple[str, str]
"""A unit of time: after a number, and before what it describes."""


class Words(Struct, frozen=True):
    """Everything that messages say, in one language."""

    severities: Mapping[Severity, str]
    headings: Mapping[Cause, str]
    """How a title begins, by cause; with the field severity."""
    endings: Mapping[Ending, str]
    aggregates: Mapping[Aggregate, str]
    """What is compared over a window; fields metric, window (before what it describes) and span (after a number)."""
    days: Unit
    hours: Unit
    minutes: Unit
    seconds: Unit
    date: str
    """Fields day, month and month_name."""
    date_with_year: str
    months: tuple[str, ...]
    # What is the matter
    sentence: str
    """Fields what and figures."""
    above: str
    """Fields value and threshold, here and in the next two."""
    below: str
    beside: str
    """Where the value is not beyond the threshold (any more)."""
    rate: str
    imbalance: str
    peak: str
    """A value that is a part of the month's peak."""
    yes: str
    no: str
    no_data: str
    no_data_since: str
    # The lines below it
    line: str
    """Fields name and text."""
    where: str
    device: str
    measured: str
    since: str
    still: str
    """Fields time and duration."""
    reading: str
    told_late: str
    """Field duration."""
    rule: str
    advice: str
    acknowledged: str
    acknowledged_by: str
    """Fields person and time."""
    comment: str
    resolved: str
    resolved_at: str
    """Fields time, duration and why."""
    alert: str
    suspect: str
    flapping: str
    escalated: str
    """Field duration."""
    assigned: str
    """Field person: who gave it."""
    summary: str
    # Several alerts
    some_alerts: str
    """Field count; here and in the next three."""
    one_alert: str
    more: str
    sites: str
    entry: str
    """Fields heading, what, where, time."""
    silent: str
    batteries: str
    all_quiet: str
    nothing_wrong: str
    active: str
    comma: str
    title: str
    """Fields heading, what and where."""


EN = Words(
    severities={Severity.INFORMATION: "Information", Severity.WARNING: "Warning", Severity.CRITICAL: "Critical"},
    headings={
        Cause.NEW: "{severity}",
        Cause.MORE: "{severity}",
        Cause.ROSE: "Worse, {severity}",
        Cause.RESOLVED: "Resolved",
        Cause.REPEAT: "Still there, {severity}",
        Cause.ESCALATED: "Not acknowledged, {severity}",
        Cause.ASSIGNED: "Yours, {severity}",
        Cause.FLAPPING: "On and off, {severity}",
        Cause.SUMMARY: "Summary",
        Cause.DIGEST: "Daily digest",
    },
    endings={
        Ending.CLEARED: "the condition has ended",
        Ending.OUTSIDE_HOURS: "the rule's hours are over",
        Ending.BY_HAND: "closed by hand",
        Ending.EXPIRED: "it ended by itself after its set time",
        Ending.RULE_GONE: "the rule was removed, or is no longer for this device",
        Ending.DEVICE_GONE: "the device was removed",
    },
    aggregates={
        Aggregate.MIN: "{window} minimum of {metric}",
        Aggregate.MAX: "{window} maximum of {metric}",
        Aggregate.MEAN: "{window} mean of {metric}",
        Aggregate.SUM: "{window} sum of {metric}",
        Aggregate.DELTA: "{metric} within {span}",
        Aggregate.COUNT: "Number of {metric} within {span}",
        Aggregate.SPREAD: "{window} spread of {metric}",
    },
    days=("d", "day"),
    hours=("h", "hour"),
    minutes=("min", "minute"),
    seconds=("s", "second"),
    date="{day} {month_name}",
    date_with_year="{day} {month_name} {year}",
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    sentence="{what}: {figures}",
    above="{value}, above {threshold}",
    below="{value}, below {threshold}",
    beside="{value} (threshold {threshold})",
    rate="Change of {metric} within {span}",
    imbalance="Imbalance of {metrics}",
    peak="{value} of this month's peak so far",
    yes="yes",
    no="no",
    no_data="No readings",
    no_data_since="No readings since {time}",
    line="{name}: {text}",
    where="Where",
    device="Device",
    measured="Measured",
    since="Since",
    still="{time} ({duration})",
    reading="Time of the reading",
    told_late="reported {duration} late",
    rule="Rule",
    advice="What to do",
    acknowledged="Acknowledged",
    acknowledged_by="by {person}, {time}",
    comment="Comment",
    resolved="Resolved",
    resolved_at="{time}, after {duration}: {why}",
    alert="Alert",
    suspect="The value is outside the range that is plausible for it: the sensor may be at fault.",
    flapping="It changes so often that further changes are recorded and not reported, until it calms down.",
    escalated="Nobody has acknowledged it for {duration}. That is why you are told.",
    assigned="Given to you by {person}.",
    summary="More than your limit within an hour. These were held back:",
    some_alerts="{count} alerts",
    one_alert="1 alert",
    more="and {count} more",
    sites="{count} sites",
    entry="{heading}: {what}, {where}, {time}",
    silent="silent devices: {count}",
    batteries="low batteries: {count}",
    all_quiet="all quiet",
    nothing_wrong="No alerts, no silent devices, no low batteries.",
    active="alerts: {count}",
    comma=", ",
    title="{heading}: {what} – {where}",
)

ZH_HANT = Words(
    severities={Severity.INFORMATION: "提示", Severity.WARNING: "警告", Severity.CRITICAL: "嚴重"},
    headings={
        Cause.NEW: "{severity}",
        Cause.MORE: "{severity}",
        Cause.ROSE: "情況轉差，{severity}",
        Cause.RESOLVED: "已解除",
        Cause.REPEAT: "仍未解除，{severity}",
        Cause.ESCALATED: "未有人確認，{severity}",
        Cause.ASSIGNED: "交由你跟進，{severity}",
        Cause.FLAPPING: "時好時壞，{severity}",
        Cause.SUMMARY: "綜合通知",
        Cause.DIGEST: "每日摘要",
    },
    endings={
        Ending.CLEARED: "情況已消失",
        Ending.OUTSIDE_HOURS: "規則的生效時段已過",
        Ending.BY_HAND: "由人手結束",
        Ending.EXPIRED: "已過設定時限，自動結束",
        Ending.RULE_GONE: "規則已移除，或不再適用於此裝置",
        Ending.DEVICE_GONE: "裝置已移除",
    },
    aggregates={
        Aggregate.MIN: "{metric} {window}最低值",
        Aggregate.MAX: "{metric} {window}最高值",
        Aggregate.MEAN: "{metric} {window}平均值",
        Aggregate.SUM: "{metric} {window}總和",
        Aggregate.DELTA: "{metric} {span}內的變化",
        Aggregate.COUNT: "{metric} {span}內的次數",
        Aggregate.SPREAD: "{metric} {window}最高與最低之差",
    },
    days=("日", "日"),
    hours=("小時", "小時"),
    minutes=("分鐘", "分鐘"),
    seconds=("秒", "秒"),
    date="{month}月{day}日",
    date_with_year="{year}年{month}月{day}日",
    months=(),
    sentence="{what}：{figures}",
    above="{value}，高於 {threshold}",
    below="{value}，低於 {threshold}",
    beside="{value} (界限 {threshold})",
    rate="{metric} {span}內的變化",
    imbalance="{metrics} 不平衡",
    peak="本月至今最高值的 {value}",
    yes="是",
    no="否",
    no_data="沒有讀數",
    no_data_since="自 {time} 起沒有讀數",
    line="{name}：{text}",
    where="地點",
    device="裝置",
    measured="量度結果",
    since="開始時間",
    still="{time} (已持續 {duration})",
    reading="讀數時間",
    told_late="遲報 {duration}",
    rule="規則",
    advice="處理方法",
    acknowledged="已確認",
    acknowledged_by="{person}，{time}",
    comment="備註",
    resolved="已解除",
    resolved_at="{time}，歷時 {duration}：{why}",
    alert="警報",
    suspect="數值超出合理範圍，可能是感應器故障。",
    flapping="情況反覆不定，其後的變化只作記錄，穩定後才再通知。",
    escalated="{duration}內未有人確認，因此通知你。",
    assigned="由 {person} 交你跟進。",
    summary="一小時內的通知已超出上限，以下警報未有逐一通知：",
    some_alerts="{count} 個警報",
    one_alert="1 個警報",
    more="另有 {count} 個",
    sites="{count} 個地點",
    entry="{heading}：{what}，{where}，{time}",
    silent="沒有讀數的裝置：{count}",
    batteries="電量不足：{count}",
    all_quiet="一切正常",
    nothing_wrong="沒有警報，所有裝置都有讀數，電量充足。",
    active="警報：{count}",
    comma="，",
    title="{heading}：{what} – {where}",
)

_BY_TAG = {"en": EN, "zh-Hant": ZH_HANT}


class _Tags(NamedTuple):
    names: Mapping[str, str]


_TAGS = _Tags({tag: tag for tag in _BY_TAG})


def words_for(language: str) -> Words:
    """Those of a language tag, see `spoken`."""
    return _BY_TAG[spoken(language)]


def spoken(language: str) -> str:
    """The one of our languages that is meant by a language tag, `en` or `zh-Hant`.

    zh-HK, zh-TW and zh-Hant-HK are Traditional Chinese; what we don't speak is English.
    """
    return label(_TAGS, language)
