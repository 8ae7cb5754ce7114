"""Defender: what is switched off and what is left out. One event per exclusion."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said, settings

_ROOT = r"(?:Policies\\)?Microsoft\\(?:Windows Defender|Microsoft Antimalware)"
_WHAT = {
    "paths": "files below",
    "processes": "files opened by",
    "extensions": "files with the ending",
    "temporarypaths": "for a time, files below",
    "ipaddresses": "the address",
}


def _exclusion(key: Key) -> Iterator[Said]:
    sort = key.name
    for value in key.all():
        if value.name:
            data = {"sort": sort, "excluded": value.name, "value": value.text[:256], "key": key.path}
            words = _WHAT.get(sort.casefold(), sort)
            path = value.name if sort.casefold() in {"paths", "processes", "temporarypaths"} else None
            yield Said(f"Defender leaves out {words} {value.name}", data, file_path=path)


PLUGINS = (
    Plugin(
        kind="windows.registry.defender_exclusion",
        hives=("SOFTWARE",),
        keys=_ROOT + r"\\Exclusions\\[^\\]+",
        read=_exclusion,
        fields={
            "sort": "what is left out: Paths, Processes, Extensions …",
            "excluded": "what is not looked at",
            "value": "0, as Windows writes it",
            "key": "path of the key; below Policies a rule from outside",
        },
    ),
    settings(
        kind="windows.registry.defender_setting",
        hives=("SOFTWARE",),
        keys=_ROOT + r"(?:\\(?:Real-Time Protection|Spynet|Features|MpEngine|Threats|Reporting|Signature Updates"
        r"|UX Configuration|Scan|Exclusions|Remediation|Windows Defender Exploit Guard\\(?:ASR|Controlled Folder Access"
        r"|Network Protection)))?",
        what="Defender",
        names={
            "DisableAntiSpyware": "1: off",
            "DisableAntiVirus": "1: off",
            "DisableRealtimeMonitoring": "1: no watch",
            "DisableBehaviorMonitoring": "1: no watch of behaviour",
            "DisableIOAVProtection": "1: no look at downloads",
            "DisableOnAccessProtection": "1: no look at opened files",
            "DisableScanOnRealtimeEnable": "1: no scan when the watch begins",
            "DisableScriptScanning": "1: no look at scripts",
            "DisableArchiveScanning": "1: no look into archives",
            "DisableRoutinelyTakingAction": "1: nothing is removed",
            "DisableLocalAdminMerge": "1: only rules from outside count",
            "DisableBlockAtFirstSeen": "1: the cloud is not asked first",
            "DpaDisabled": "1: off",
            "PassiveMode": "1: another product watches",
            "ForcePassiveMode": "1: the same by rule",
            "SpynetReporting": "what is told to Microsoft",
            "SubmitSamplesConsent": "which files are sent",
            "LocalSettingOverrideSpynetReporting": "whether the machine's own setting counts",
            "TamperProtection": "odd: settings are protected",
            "MpEnablePus": "1: unwanted programs count as threats",
            "PUAProtection": "1: the same",
            "SignatureDisableUpdateOnStartupWithoutEngine": "1: no update at start",
            "DisableEnhancedNotifications": "1: fewer messages",
            "Notification_Suppress": "1: no messages",
            "UILockdown": "1: people see nothing",
            "ServiceKeepAlive": "whether it keeps running",
            "AllowFastServiceStartup": "whether it starts early",
            "ProductStatus": "its state",
            "InstallTime": "when it was installed, as hex",
            "ExploitGuard_ASR_Rules": "1: rules are on",
            "EnableControlledFolderAccess": "1: folders are guarded",
            "EnableNetworkProtection": "1: addresses are checked",
        },
    ),
)
