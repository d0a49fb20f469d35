"""What happens to an alert, and who is told or not, in the words of who looks at it later. Pure.

Messages to people have their own words (`words.py`): they say what is the matter now.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import Callable, Mapping

from msgspec import Struct

from alerts.alert import Change, Transition
from alerts.message.words import spoken, words_for
from alerts.notice import Cause, Muted


class Course(Struct, frozen=True):
    """Of one language."""

    changes: Mapping[Change, str]
    """Fields severity (after the change) and person (to whom it was given)."""
    resolved: str
    """Fields change and why."""
    causes: Mapping[Cause, str]
    """Because of what somebody is told."""
    muted: Mapping[Muted, str]
    """Because of what somebody is not told."""
    suspect: str
    flapping: str
    remarks: str
    """Fields change and remarks."""


EN = Course(
    changes={
        Change.RAISED: "raised, {severity}",
        Change.ROSE: "rose to {severity}",
        Change.FELL: "fell to {severity}",
        Change.RESOLVED: "resolved",
        Change.ACKNOWLEDGED: "acknowledged",
        Change.ASSIGNED: "assigned to {person}",
        Change.ACKNOWLEDGEMENT_ENDED: "acknowledgement ended",
        Change.COMMENTED: "comment",
    },
    resolved="{change}: {why}",
    causes={
        Cause.NEW: "it is new",
        Cause.MORE: "another alert of the group",
        Cause.ROSE: "it rose",
        Cause.RESOLVED: "it is resolved",
        Cause.REPEAT: "it is still there",
        Cause.ESCALATED: "nobody had acknowledged",
        Cause.ASSIGNED: "it was given to them",
        Cause.FLAPPING: "it flaps",
        Cause.SUMMARY: "a summary",
        Cause.DIGEST: "the day's digest",
    },
    muted={
        Muted.SILENCED: "it is silenced",
        Muted.ACKNOWLEDGED: "somebody has it",
        Muted.FLAPPING: "it flaps, and they know that",
        Muted.QUIET_HOURS: "it waits for the end of the quiet hours",
        Muted.OUT_OF_SERVICE: "the device is out of service",
        Muted.GATEWAY_DOWN: "its gateway is down, and that is told instead",
        Muted.OFF_DUTY: "off duty, and somebody else is on",
        Muted.NOT_THEIR_SITE: "not one of their sites",
        Muted.OVER_CAP: "too many messages within the hour: it comes in the summary",
        Muted.GONE: "it was resolved before anybody was told",
    },
    suspect="suspect value",
    flapping="flapping, not told",
    remarks="{change} ({remarks})",
)
ZH_HANT = Course(
    changes={
        Change.RAISED: "發出{severity}警報",
        Change.ROSE: "升級至{severity}",
        Change.FELL: "降級至{severity}",
        Change.RESOLVED: "已解除",
        Change.ACKNOWLEDGED: "已確認",
        Change.ASSIGNED: "交由 {person} 跟進",
        Change.ACKNOWLEDGEMENT_ENDED: "確認已到期",
        Change.COMMENTED: "備註",
    },
    resolved="{change}：{why}",
    causes={
        Cause.NEW: "新警報",
        Cause.MORE: "同組的另一個警報",
        Cause.ROSE: "情況轉差",
        Cause.RESOLVED: "已解除",
        Cause.REPEAT: "仍未解除",
        Cause.ESCALATED: "未有人確認",
        Cause.ASSIGNED: "交由此人跟進",
        Cause.FLAPPING: "時好時壞",
        Cause.SUMMARY: "綜合通知",
        Cause.DIGEST: "每日摘要",
    },
    muted={
        Muted.SILENCED: "警報已靜音",
        Muted.ACKNOWLEDGED: "已有人跟進",
        Muted.FLAPPING: "時好時壞，而此人已知悉",
        Muted.QUIET_HOURS: "待免打擾時段結束後通知",
        Muted.OUT_OF_SERVICE: "裝置停用中",
        Muted.GATEWAY_DOWN: "閘道器離線，已另行通知",
        Muted.OFF_DUTY: "不在當值時間，已由他人當值",
        Muted.NOT_THEIR_SITE: "不屬其負責的地點",
        Muted.OVER_CAP: "一小時內通知已達上限，稍後以綜合通知發出",
        Muted.GONE: "未及通知已解除",
    },
    suspect="數值可疑",
    flapping="反覆不定，不作通知",
    remarks="{change} ({remarks})",
)

_COURSES = {"en": EN, "zh-Hant": ZH_HANT}


def course_for(language: str) -> Course:
    """The words of a language tag, see `words.spoken`."""
    return _COURSES[spoken(language)]


def change_text(transition: Transition, language: str, person: Callable[[str], str] = str) -> str:
    """What a transition did, as in `rose to critical` or `resolved: the condition has ended`.

    `person`: a person's id to what people call them.
    """
    words, course = words_for(language), course_for(language)
    severity = words.severities[transition.severity].lower()
    to = "" if transition.to is None else person(transition.to)
    said = course.changes[transition.change].format(severity=severity, person=to)
    if transition.ending is not None:
        said = course.resolved.format(change=said, why=words.endings[transition.ending])
    remarks = [
        *([course.suspect] if transition.suspect else []),
        *([course.flapping] if transition.flapping else []),
    ]
    return course.remarks.format(change=said, remarks=words.comma.join(remarks)) if remarks else said
