"""What records of Windows NT to 2003 say in plain words, as data: `{0}` stands for the first string of the record."""

from __future__ import annotations

SAID: dict[str, dict[str, str]] = {
    "Security": {
        "512": "Windows started",
        "513": "Windows shuts down",
        "517": "the Security log was cleared by {4}\\{3}",
        "520": "system time changed",
        "528": "logon type {3} of {1}\\{0} from {13}",
        "529": "failed logon type {2} of {1}\\{0} from {11}: unknown user or bad password",
        "530": "failed logon of {1}\\{0}: outside of permitted hours",
        "531": "failed logon of {1}\\{0}: account disabled",
        "538": "logoff of {1}\\{0}, type {3}",
        "540": "network logon type {3} of {1}\\{0} from {13}",
        "576": "special privileges for {1}\\{0}",
        "592": "process started: {1} by {4}\\{3}",
        "593": "process ended: {1}",
        "624": "account {1}\\{0} created by {4}\\{3}",
        "630": "account {1}\\{0} deleted by {4}\\{3}",
        "636": "{0} added to local group {3}\\{2}",
        "682": "session of {1}\\{0} reconnected from {5}",
        "683": "session of {1}\\{0} disconnected, from {5}",
    },
}
"""Source → event id → template."""

USERS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("528", "529", "530", "531", "538", "540", "576", "682", "683"), (1, 0)),
    **dict.fromkeys(("517", "592", "624", "630"), (4, 3)),
}
"""Event id of the security log → places of the domain and name of who acts."""
