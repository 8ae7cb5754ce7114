"""How Windows keeps credentials: WDigest, the packages of LSA, its protection. Settings only, never what they guard."""

from __future__ import annotations

from parsers.registry.plugins.base import CONTROL, settings

PLUGINS = (
    settings(
        kind="windows.registry.wdigest",
        hives=("SYSTEM",),
        keys=CONTROL + r"Control\\SecurityProviders\\WDigest",
        what="WDigest",
        names={
            "UseLogonCredential": "1 keeps passwords in memory as plain text",
            "Negotiate": "whether it is offered",
            "DigestEncryptionAlgorithms": "ciphers",
        },
    ),
    settings(
        kind="windows.registry.lsa",
        hives=("SYSTEM",),
        keys=CONTROL + r"Control\\(?:Lsa|Lsa\\OSConfig|Lsa\\MSV1_0|SecurityProviders)",
        what="local security authority",
        names={
            "Security Packages": "libraries that handle logons",
            "Authentication Packages": "libraries that check logons",
            "Notification Packages": "libraries that are told new passwords",
            "SecurityProviders": "libraries that are loaded beside them",
            "RunAsPPL": "1 or 2: LSASS is protected",
            "RunAsPPLBoot": "the same, as it was at start",
            "LsaCfgFlags": "credential guard: 0 off, 1 with lock, 2 without",
            "LmCompatibilityLevel": "which versions of NTLM are used",
            "NoLMHash": "1: no LM hashes are kept",
            "LimitBlankPasswordUse": "1: no network logon without password",
            "DisableRestrictedAdmin": "0: logon by RDP with a hash is possible",
            "DisableRestrictedAdminOutboundCreds": "the same for what goes out",
            "restrictanonymous": "what can be asked without logon",
            "restrictanonymoussam": "what can be asked of SAM without logon",
            "auditbasedirectories": "auditing of objects",
            "auditbaseobjects": "auditing of objects",
            "crashonauditfail": "1: Windows stops when it cannot audit",
            "SCENoApplyLegacyAuditPolicy": "1: subcategories decide what is audited",
            "disabledomaincreds": "1: no domain passwords are kept",
            "everyoneincludesanonymous": "1: everyone is also those without logon",
            "BackConnectionHostNames": "names that may be used for logons to itself",
            "auditreceivingntlmtraffic": "auditing of NTLM",
            "restrictsendingntlmtraffic": "whether NTLM is used outwards",
        },
    ),
)
