//! The options of ssh_config(5): how each is written, and what it means to us.

/// How an option's line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Host,
    Match,
    Include,
    /// One word; the first wins.
    Text,
    /// One word, with environment variables that must exist.
    Agent,
    Port,
    Number,
    /// Seconds, or `1m30s`; `none` leaves it open.
    Time,
    /// Bytes, then perhaps a time: two values, and the first wins of each.
    Rekey,
    /// One of these words, in any case; each with the word that `ssh -G` prints.
    Choice(&'static [(&'static str, &'static str)]),
    /// Words of one line; `none` stands alone.
    Paths,
    /// One word a line, all of them count.
    Many,
    /// The rest of the line as it is.
    Command,
    Jump,
    /// Names of algorithms, perhaps after `+`, `-` or `^`.
    Names,
    /// Nothing that we follow: kept as it is written, to be named or refused.
    Other,
    /// Without any effect in ssh(1) too.
    Dead,
}

const FLAG: Form = Form::Choice(&[
    ("yes", "yes"),
    ("true", "yes"),
    ("no", "no"),
    ("false", "no"),
]);
const STRICT: Form = Form::Choice(&[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("off", "false"),
    ("ask", "ask"),
    ("accept-new", "accept-new"),
]);
const FAMILY: Form = Form::Choice(&[("inet", "inet"), ("inet6", "inet6"), ("any", "any")]);
const PUBKEY: Form = Form::Choice(&[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("unbound", "unbound"),
    ("host-bound", "host-bound"),
]);
const CANONICAL: Form = Form::Choice(&[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("always", "always"),
]);

/// The options that we follow, by the name that `ssh -G` prints.
const FOLLOWED: [(&str, Form); 35] = [
    ("hostname", Form::Text),
    ("user", Form::Text),
    ("port", Form::Port),
    ("identityfile", Form::Many),
    ("identitiesonly", FLAG),
    ("identityagent", Form::Agent),
    ("certificatefile", Form::Many),
    ("proxyjump", Form::Jump),
    ("proxycommand", Form::Command),
    ("userknownhostsfile", Form::Paths),
    ("globalknownhostsfile", Form::Paths),
    ("stricthostkeychecking", STRICT),
    ("hostkeyalias", Form::Text),
    ("hostkeyalgorithms", Form::Names),
    ("kexalgorithms", Form::Names),
    ("ciphers", Form::Names),
    ("macs", Form::Names),
    ("pubkeyacceptedalgorithms", Form::Names),
    ("casignaturealgorithms", Form::Names),
    ("requiredrsasize", Form::Number),
    ("connecttimeout", Form::Time),
    ("serveraliveinterval", Form::Time),
    ("serveralivecountmax", Form::Number),
    ("rekeylimit", Form::Rekey),
    ("addressfamily", FAMILY),
    ("bindaddress", Form::Text),
    ("preferredauthentications", Form::Text),
    ("pubkeyauthentication", PUBKEY),
    ("passwordauthentication", FLAG),
    ("kbdinteractiveauthentication", FLAG),
    ("numberofpasswordprompts", Form::Number),
    ("batchmode", FLAG),
    ("hashknownhosts", FLAG),
    ("canonicalizehostname", CANONICAL),
    ("ignoreunknown", Form::Text),
];

/// Options that ssh(1) knows and we do not follow.
const OTHER: [&str; 71] = [
    "addkeystoagent",
    "bindinterface",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "channeltimeout",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapiclientidentity",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "ipqos",
    "kbdinteractivedevices",
    "knownhostscommand",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "proxyusefdpass",
    "refuseconnection",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "revokedhostkeys",
    "securitykeyprovider",
    "sendenv",
    "sessiontype",
    "setenv",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tunnel",
    "tunneldevice",
    "updatehostkeys",
    "verifyhostkeydns",
    "versionaddendum",
    "visualhostkey",
    "xauthlocation",
];

/// Options that ssh(1) reads over.
const DEAD: [&str; 15] = [
    "protocol",
    "cipher",
    "fallbacktorsh",
    "globalknownhostsfile2",
    "rhostsauthentication",
    "userknownhostsfile2",
    "useroaming",
    "usersh",
    "useprivilegedport",
    "afstokenpassing",
    "kerberosauthentication",
    "kerberostgtpassing",
    "rsaauthentication",
    "rhostsrsaauthentication",
    "compressionlevel",
];

/// Older names.
const ALIASES: [(&str, &str); 11] = [
    (
        "challengeresponseauthentication",
        "kbdinteractiveauthentication",
    ),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("tisauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("identityfile2", "identityfile"),
    ("keepalive", "tcpkeepalive"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    ("smartcarddevice", "pkcs11provider"),
    // Debian's.
    ("protocolkeepalives", "serveraliveinterval"),
    ("setuptimeout", "serveraliveinterval"),
];

/// The present name and the form of a keyword (lower case); nothing if ssh(1) does not know it.
pub(super) fn look_up(keyword: &str) -> Option<(&'static str, Form)> {
    let keyword = ALIASES
        .iter()
        .find(|(old, _)| *old == keyword)
        .map_or(keyword, |(_, new)| new);
    let block = [
        ("host", Form::Host),
        ("match", Form::Match),
        ("include", Form::Include),
    ];
    let followed = block.into_iter().chain(FOLLOWED);
    let other = OTHER.into_iter();
    followed
        .chain(other.map(|name| (name, Form::Other)))
        .chain(DEAD.map(|name| (name, Form::Dead)))
        .find(|(name, _)| *name == keyword)
}

/// Whether the option, by the name that `ssh -G` prints, has an effect here.
pub(crate) fn is_followed(name: &str) -> bool {
    FOLLOWED.iter().any(|(followed, _)| *followed == name)
}

/// What becomes of an option that is set and that we do not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Without it we would talk to another host, as somebody else, or trust whom ssh(1) would not.
    Refused(&'static str),
    /// It has no effect here, and the operator is told.
    Told,
}

/// What `value` of the option `name` means to us. `by_ssh`: ssh(1) has worked on it already.
pub(super) fn fate(name: &str, value: &str, by_ssh: bool) -> Fate {
    let value = value.to_ascii_lowercase();
    let off = matches!(value.as_str(), "no" | "false" | "none" | "");
    let why = match name {
        _ if off => return Fate::Told,
        "canonicalizehostname" | "canonicalizepermittedcnames" if by_ssh => return Fate::Told,
        "canonicalizehostname" | "canonicalizepermittedcnames" => {
            "it may change the host, and finding out needs the ssh program; install it, or write the full host name"
        }
        "bindinterface" => "binding to an interface is not supported; use BindAddress",
        "knownhostscommand" => {
            "host keys are never taken from a command; write them to a known_hosts file"
        }
        "revokedhostkeys" => {
            "such lists are not read; write the revoked keys as @revoked lines to a known_hosts file"
        }
        "proxyusefdpass" => {
            "a ProxyCommand that passes a file descriptor is not supported; use one that carries the data"
        }
        "refuseconnection" => "it says that this host must not be connected to",
        _ => return Fate::Told,
    };
    Fate::Refused(why)
}
