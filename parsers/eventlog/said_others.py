"""What records of services, Exchange, IIS and PowerShell say in plain words, as data; see `subjects`."""

from __future__ import annotations

OTHERS: dict[str, dict[str, str]] = {
    ".NET Runtime": {
        "1022": "a profiler was loaded into a .NET program: {0}",
        "1026": ".NET program ended by an exception: {0}",
    },
    "ASP.NET 2.0.50727.0": {
        "1309": "ASP.NET: unhandled exception {17}: {18} at {19}",
    },
    "ASP.NET 4.0.30319.0": {
        "1309": "ASP.NET: unhandled exception {17}: {18} at {19}",
        "1310": "ASP.NET: compilation error {17}: {18} at {19}",
        "1325": "ASP.NET: {0}",
    },
    "Application Error": {
        "1000": "program crashed: {0}, module {3}",
    },
    "ESENT": {
        "216": "database moved: {0} {3}",
        "325": "database created: {0} {4}",
        "327": "database detached: {0} {4}",
    },
    "MSExchange Common": {
        "4999": "Exchange crash report: {4} {5}",
    },
    "MSExchange Control Panel": {
        "4": "Exchange Control Panel: request failed: {1} {0}",
        "47": "Exchange Control Panel: web request started: {0}",
        "48": "Exchange Control Panel: web request finished: {0}",
    },
    "MSExchange Front End HTTP Proxy": {
        "1001": "Exchange front end: application starting: {0}",
        "1002": "Exchange front end: application shutting down: {0}",
    },
    "MSExchange Management Application": {
        "6001": "Exchange management: {0}",
    },
    "MSExchange Unified Messaging": {
        "1423": "Exchange Unified Messaging could not process a message: {0}",
    },
    "MSExchangeTransport": {
        "1022": "Exchange transport agent fault: {0} {1}",
        "16023": "Exchange transport reads settings: {0}",
    },
    "Microsoft-Windows-AppLocker": {
        "8002": "AppLocker allowed {RuleAndFileData.FilePath}",
        "8003": "AppLocker would have blocked {RuleAndFileData.FilePath}",
        "8004": "AppLocker blocked {RuleAndFileData.FilePath}",
        "8005": "AppLocker allowed script {RuleAndFileData.FilePath}",
        "8006": "AppLocker would have blocked script {RuleAndFileData.FilePath}",
        "8007": "AppLocker blocked script {RuleAndFileData.FilePath}",
    },
    "Microsoft-Windows-Bits-Client": {
        "3": "BITS job {jobTitle} created by {jobOwner}",
        "4": "BITS job {jobTitle} of {jobOwner} finished",
        "59": "BITS transfer started: {url}",
        "60": "BITS transfer ended: {url}",
        "61": "BITS transfer stopped: {url}, status {hr}",
        "16403": "BITS job {jobTitle} of {jobOwner}: {RemoteName} to {LocalName}",
    },
    "Microsoft-Windows-CodeIntegrity": {
        "3033": "{FileNameBuffer} not allowed in {ProcessNameBuffer}",
        "3063": "{FileNameBuffer} not allowed in {ProcessNameBuffer}",
        "3077": "{File Name} blocked in {Process Name}",
    },
    "Microsoft-Windows-DistributedCOM": {
        "10016": "{param8} was refused launch or activation of {param4} for {param6}",
        "10028": "DCOM could not reach {param1}",
    },
    "Microsoft-Windows-GroupPolicy": {
        "1500": "computer policy processed",
        "1501": "user policy processed",
        "1502": "new computer policy applied",
        "1503": "new user policy applied",
        "4016": "policy extension {CSEExtensionName} starts",
        "5016": "policy extension {CSEExtensionName} finished",
    },
    "Microsoft-Windows-IIS-Configuration": {
        "29": "IIS configuration changed: {EditOperationType} {PhysicalPath} {ConfigPath}",
        "50": "IIS configuration changed: {PhysicalPath} {ConfigPath}",
    },
    "Microsoft-Windows-IIS-W3SVC-WP": {
        "2303": "IIS worker process of {AppPoolID} is told to read its settings again",
    },
    "Microsoft-Windows-NTLM": {
        "8001": "NTLM to {TargetName} as {UserName}",
        "8002": "NTLM from {ProcessName}",
        "8004": "NTLM of {UserName} from {WorkstationName}",
    },
    "Microsoft-Windows-PowerShell": {
        "4100": "PowerShell error: {Payload}",
        "4103": "PowerShell command: {Payload}",
        "4104": "PowerShell script: {ScriptBlockText}",
        "4105": "script block {ScriptBlockId} started",
        "4106": "script block {ScriptBlockId} ended",
        "40961": "PowerShell console is starting",
        "40962": "PowerShell console is ready",
        "53504": "PowerShell listens on a pipe of process {param1}",
    },
    "Microsoft-Windows-ProcessExitMonitor": {
        "3001": "silent exit of {param1} caused by {param2}",
    },
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS": {
        "131": "{ConnType} connection from {ClientIP} accepted",
        "140": "connection from {IPString} failed: wrong user name or password",
    },
    "Microsoft-Windows-SMBClient": {
        "31001": "SMB client: access refused by {ServerName}",
    },
    "Microsoft-Windows-SMBServer": {
        "551": "SMB session refused: {ClientName} {UserName}",
        "1006": "share access refused: {ShareName} {ClientName} {UserName}",
    },
    "Microsoft-Windows-TaskScheduler": {
        "100": "scheduled task {TaskName} started for {UserContext}",
        "101": "scheduled task {TaskName} did not start for {UserContext}",
        "102": "scheduled task {TaskName} finished for {UserContext}",
        "103": "scheduled task {TaskName} failed to start {ActionName}",
        "106": "scheduled task {TaskName} registered by {UserContext}",
        "107": "scheduled task {TaskName} launched by its time trigger",
        "110": "scheduled task {TaskName} launched by {UserContext}",
        "111": "scheduled task {TaskName} ended",
        "119": "scheduled task {TaskName} launched at logon of {UserName}",
        "129": "scheduled task {TaskName} made process {ProcessID} of {Path}",
        "140": "scheduled task {TaskName} changed by {UserName}",
        "141": "scheduled task {TaskName} deleted by {UserName}",
        "142": "scheduled task {TaskName} disabled by {UserName}",
        "200": "scheduled task {TaskName} ran {ActionName}",
        "201": "scheduled task {TaskName} completed {ActionName}, result {ResultCode}",
    },
    "Microsoft-Windows-TerminalServices-ClientActiveXCore": {
        "1024": "remote desktop client connects to {Value}",
        "1102": "remote desktop client reached {Value}",
    },
    "Microsoft-Windows-TerminalServices-LocalSessionManager": {
        "21": "remote desktop logon of {EventXML.User} from {EventXML.Address}",
        "22": "remote desktop shell of {EventXML.User} from {EventXML.Address} started",
        "23": "remote desktop logoff of {EventXML.User}",
        "24": "remote desktop session of {EventXML.User} from {EventXML.Address} disconnected",
        "25": "remote desktop session of {EventXML.User} from {EventXML.Address} taken up again",
        "39": "remote desktop session {EventXML.TargetSession} disconnected by session {EventXML.Source}",
        "40": "remote desktop session {EventXML.Session} disconnected, reason {EventXML.Reason}",
    },
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager": {
        "261": "a connection came in on listener {EventXML.listenerName}",
        "1149": "remote desktop: {EventXML.Param2}\\{EventXML.Param1} authenticated from {EventXML.Param3}",
    },
    "Microsoft-Windows-Time-Service": {
        "35": "time is taken from {TimeSource}",
        "36": "the clock was not set from another for {UnsynchronizedTimeSeconds} s",
        "37": "time is received from {TimeSource}",
    },
    "Microsoft-Windows-WAS": {
        "5002": "application pool {AppPoolID} disabled after failures",
        "5011": "application pool {AppPoolID}: process {ProcessID} lost",
        "5057": "application pool {AppPoolID} disabled",
        "5074": "application pool {AppPoolID}: process {ProcessID} recycled at its time limit",
        "5186": "application pool {AppPoolID}: process {ProcessID} ended when idle",
    },
    "Microsoft-Windows-WMI-Activity": {
        "5857": "WMI provider started: {Operation_StartedOperational.ProviderPath}",
        "5858": "WMI operation failed: {Operation_ClientFailure.Operation} by {Operation_ClientFailure.User}",
        "5859": "WMI filter registered: {Operation_EssStarted.Query}",
        "5860": "temporary WMI subscription: {Operation_TemporaryEssStarted.Query}",
        "5861": "permanent WMI subscription: {Operation_ESStoConsumerBinding.CONSUMER}",
    },
    "Microsoft-Windows-WinRM": {
        "6": "remote management session to {connection} created",
        "91": "remote management session from {clientInfo} created",
        "168": "remote management: {username} sent a request",
        "169": "remote management: {username} authenticated by {authenticationMechanism}",
    },
    "Microsoft-Windows-Windows Firewall With Advanced Security": {
        "2003": "firewall profile {Profiles} changed",
        "2004": "firewall rule {RuleName} added by {ModifyingApplication}",
        "2005": "firewall rule {RuleName} changed by {ModifyingApplication}",
        "2006": "firewall rule {RuleName} deleted by {ModifyingApplication}",
        "2033": "all firewall rules deleted by {ModifyingApplication}",
    },
    "Microsoft-Windows-WindowsUpdateClient": {
        "19": "update installed: {updateTitle}",
        "20": "update failed: {updateTitle} {errorCode}",
        "43": "update is being installed: {updateTitle}",
        "44": "update is being downloaded: {updateTitle}",
    },
    "Microsoft-Windows-Winlogon": {
        "7001": "logon notified for {UserSid}",
        "7002": "logoff notified for {UserSid}",
    },
    "PowerShell": {
        "400": "PowerShell engine started: {2}",
        "403": "PowerShell engine stopped: {2}",
        "500": "PowerShell command started: {0}",
        "501": "PowerShell command stopped: {0}",
        "600": "PowerShell provider started: {0}",
        "800": "PowerShell pipeline: {0}",
    },
    "Windows Error Reporting": {
        "1001": "error report: {2} {5}",
    },
}
