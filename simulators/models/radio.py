"""What a device says of itself: its radio, its battery, how long it has been up."""

from simulators.models.model import Value
from simulators.models.noise import between, smooth, unit

DAY_MS = 86_400_000
BUILT_MS = 1_704_067_200_000  # 2024-01-01 UTC
FIRMWARES = ("1.4.2", "1.4.2", "1.4.2", "1.5.0", "1.3.9")
EMPTY_PCT = 6.0
"""Batteries are changed when they come down to this."""


class Radio:
    """Signal and supply of one device. Batteries drain over months and are changed when nearly empty."""

    def __init__(self, seed_key: int) -> None:
        self._key = seed_key ^ 0x4AD10
        self._rssi = between(self._key, 0, -98.0, -62.0)
        self._life_ms = int(between(self._key, 1, 240, 900) * DAY_MS)
        self._age_ms = int(unit(self._key, 2) * self._life_ms)
        self._boot_ms = int(between(self._key, 3, 20, 60) * DAY_MS)
        self._firmware = FIRMWARES[int(unit(self._key, 4) * len(FIRMWARES))]

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 nothing is counted over a span
        """State of the device itself."""
        time_s = time_ms / 1000
        fade = smooth(self._key ^ 1, time_s, 900)
        rssi = self._rssi + 5.0 * fade
        restarts, since_boot_ms = divmod(time_ms - BUILT_MS + int(unit(self._key, 5) * self._boot_ms), self._boot_ms)
        used = (time_ms + self._age_ms) % self._life_ms / self._life_ms
        battery = 100.0 - (100.0 - EMPTY_PCT) * used
        return {
            "rssi_dbm": round(rssi),
            "snr_db": round(max(-18.0, 9.0 + (rssi + 75.0) * 0.3 + 1.5 * smooth(self._key ^ 2, time_s, 300)), 1),
            "battery_pct": round(battery, 1),
            "battery_v": round(2.7 + 0.9 * (battery / 100.0) ** 0.6, 3),
            "signal_quality_pct": round(min(100.0, max(0.0, (rssi + 110.0) * 1.9))),
            "uptime_s": since_boot_ms // 1000,
            "restarts": restarts,
            "firmware": self._firmware,
            "device_temperature_c": round(27.0 + 5.0 * smooth(self._key ^ 3, time_s, 20_000), 1),
            "online": True,
        }
