"""What libpq says of a failed connection, and how that is told: patterns, sentences and remedies.

libpq's errors of a connection carry no SQLSTATE, so that only its words tell them apart.
"""

from __future__ import annotations

from jobdesk_core.connectors.certificates import Reason
from jobdesk_core.troubles.trouble import Kind

#: What the pattern of a text says: its kind, the sentence with what the pattern has found, and the remedy.
Pattern = tuple[str, Kind, str, str]
RECONNECTS = "Jobdesk reconnects by itself."

CERTIFICATES: dict[Reason, tuple[str, str]] = {
    "expired": ("The server's certificate has expired.", "Its administrator can renew it."),
    "not yet valid": (
        "The server's certificate is not valid yet.",
        "Is this machine's clock right? Otherwise the server's administrator knows.",
    ),
    "revoked": ("The server's certificate has been revoked.", "Ask the server's administrator for the new one."),
    "self-signed": (
        "The server's certificate is self-signed, and not trusted here.",
        "If it is the right one, its administrator has it in a file for sslrootcert.",
    ),
    "no list of revoked": (
        "The list of revoked certificates does not fit the server's certificate.",
        "sslcrl needs a current list of each authority in its chain.",
    ),
    "unknown authority": (
        "The authority of the server's certificate is unknown here.",
        "sslrootcert names the file with that authority's certificate; the server's administrator has it.",
    ),
}
_LOOK = "Check sslmode, sslrootcert, sslcert and sslkey."
#: What libpq says of TLS, and of what is no PostgreSQL server.
_TLS_WORDS: tuple[Pattern, ...] = (
    (
        r"root certificate file \"(?P<what>[^\"]+)\" does not exist",
        "unreachable",
        "There is no file {what} with trusted certificate authorities.",
        "Check sslrootcert; sslrootcert=system trusts those of this machine.",
    ),
    (
        r"could not read root certificate file \"(?P<what>[^\"]+)\"",
        "unreachable",
        "The file {what} contains no readable certificate of an authority.",
        "Check sslrootcert.",
    ),
    (
        r"server certificate for (?P<what>.+) does not match host name \"(?P<host>[^\"]+)\"",
        "unreachable",
        "The server's certificate is for {what}, not for {host}.",
        "Check the host's name, or ask whether this is the right server.",
    ),
    (
        r"certificate has expired",
        "unreachable",
        "The server's certificate has expired.",
        "Its administrator can renew it.",
    ),
    (
        # OpenSSL's reasons, of which libpq tells no more.
        r"certificate verify failed",
        "unreachable",
        "The server's certificate is not accepted: its authority is unknown here, or it has expired.",
        "sslrootcert names the file with the certificate of its authority. The server's administrator knows both.",
    ),
    (
        r"alert protocol version|unsupported protocol|wrong version number|no protocols available",
        "unreachable",
        "The server and this machine have no version of TLS in common.",
        "Check ssl_min_protocol_version and ssl_max_protocol_version, here and on the server.",
    ),
    (
        r"alert (?:certificate required|handshake failure)|requires a valid client certificate",
        "unreachable",
        "The server asks for a client certificate.",
        "sslcert and sslkey name yours.",
    ),
    (
        r"alert (?P<what>(?:bad|unsupported|unknown) certificate|certificate (?:revoked|expired|unknown)|unknown ca)",
        "unreachable",
        "The server does not accept the client certificate: {what}.",
        "sslcert and sslkey name it; the server's administrator issues a new one.",
    ),
    (
        r"server does not support SSL",
        "unreachable",
        "The server does not offer encryption, and sslmode asks for it.",
        "Its administrator can turn it on (ssl = on).",
    ),
    (
        r"connection to server (?P<what>at \"[^\"]+\".*?) failed: "
        r"(?:received invalid response to SSL negotiation|expected authentication request from server)",
        "unreachable",
        "What answers {what} is not a PostgreSQL server.",
        "Check host and port.",
    ),
    (
        r"certificate present, but not private key file \"(?P<what>[^\"]+)\"",
        "unreachable",
        "There is no file {what} with the key of the client's certificate.",
        "Check sslkey.",
    ),
    (
        r"failed: (?P<what>(?:(?!failed: ).)*(?:SSL|certificate|private key file).*)",
        "unreachable",
        "The encrypted connection could not be set up: {what}.",
        _LOOK,
    ),
    (r"SSL|certificate", "unreachable", "The encrypted connection could not be set up.", _LOOK),
)

#: What libpq says of parameters, before it looks for a server.
_PARAMETERS: tuple[Pattern, ...] = (
    (
        r"definition of service \"(?P<what>[^\"]+)\" not found",
        "bad_dsn",
        "There is no service {what} in libpq's service files.",
        "Look at ~/.pg_service.conf, or at the file that PGSERVICEFILE names.",
    ),
    (
        r"could not match \d+ (?:port numbers|host names) to \d+ host",
        "bad_dsn",
        "There are not as many ports or addresses as hosts.",
        "Name one for each host, or one port for all.",
    ),
    (
        r"weak sslmode \"[^\"]*\" may not be used with sslrootcert=system",
        "bad_dsn",
        "With sslrootcert=system sslmode has to be verify-full.",
        "Take verify-full, or name the file of an authority.",
    ),
    (
        r"invalid (?P<what>\w+) value: \"",
        "bad_dsn",
        "This is no value of {what}.",
        "libpq's documentation lists its values.",
    ),
    (
        r"invalid port number",
        "bad_dsn",
        "A port is a number from 1 to 65535.",
        "Look at the port.",
    ),
    (
        r"could not parse network address \"(?P<what>[^\"]+)\"",
        "bad_dsn",
        "{what} is not an address.",
        "hostaddr takes numbers such as 10.0.0.7; names go to host.",
    ),
    (
        r"invalid integer value.* for connection option \"(?P<what>\w+)\"",
        "bad_dsn",
        "A parameter of the connection must be a number: {what}.",
        "Look at the port and the times.",
    ),
    (
        r"failed: (?P<what>(?:session is (?:not )?read-only|server is (?:not )?in hot standby mode))",
        "unreachable",
        "No server is what target_session_attrs asks for: {what}.",
        "Name the other server, too, or another value of target_session_attrs.",
    ),
)

#: libpq's connection errors carry no SQLSTATE: words, kind, sentence, remedy.
WORDS: tuple[Pattern, ...] = (
    *_PARAMETERS,
    (
        r"password authentication failed for user \"(?P<what>[^\"]+)\"",
        "password",
        "The password for role {what} is wrong.",
        "Type it again, or ask who set it.",
    ),
    (
        r"no password supplied|empty password|SCRAM",
        "password",
        "The server asks for a password.",
        "Type it, or put it into pgpass.",
    ),
    (
        r"database \"(?P<what>[^\"]+)\" does not exist",
        "no_database",
        "There is no database {what} on this server.",
        "Check the database's name, or create it.",
    ),
    (
        r"role \"(?P<what>[^\"]+)\" does not exist",
        "no_role",
        "There is no role {what} on this server.",
        "Check the user's name.",
    ),
    (
        r"no pg_hba.conf entry",
        "rights",
        "The server does not let this role in from here.",
        "Its pg_hba.conf decides; ask the server's administrator.",
    ),
    (
        r"role \"(?P<what>[^\"]+)\" is not permitted to log in",
        "rights",
        "The role {what} may not log in.",
        "Connect with another role, or ask for: ALTER ROLE ... LOGIN.",
    ),
    (
        r"permission denied for database \"(?P<what>[^\"]+)\"",
        "rights",
        "This role may not connect to database {what}.",
        "Ask its owner for: GRANT CONNECT.",
    ),
    (
        r"(?:could not translate host name|resolve host) [\"'](?P<what>[^\"']+)[\"']",
        "unreachable",
        "The host {what} is not known.",
        "Check its spelling, or the network (a VPN?).",
    ),
    (
        r"connection to server on (?P<what>socket \"[^\"]+\") failed: Permission denied",
        "unreachable",
        "This machine's user may not use {what}.",
        "Let it into the group that the server's socket and its folder belong to, or connect by host and port.",
    ),
    (
        r"connection to server (?P<what>(?:at|on socket) \"[^\"]+\"(?:, port \d+)?) failed: "
        r"(?:Connection refused|No such file)|Connection refused",
        "unreachable",
        "There is no server {what}.",
        "Is it running, and are host and port right?",
    ),
    (
        r"timeout expired|timed out|No route to host|Network is unreachable",
        "unreachable",
        "The server cannot be reached.",
        "Check host, port and network (a firewall, a VPN?).",
    ),
    *_TLS_WORDS,
    (
        r"too many clients|too many connections|remaining connection slots",
        "busy",
        "The server has no connection to spare.",
        "Try again later.",
    ),
    (
        r"database system is (?:starting up|shutting down|in recovery mode|not (?:yet )?accepting connections)",
        "busy",
        "The server is starting or stopping.",
        "Try again in a moment.",
    ),
    (
        r"terminating connection|server closed the connection|connection is lost|closed|consuming input failed",
        "dropped",
        "The connection to the server was lost.",
        RECONNECTS,
    ),
)
