"""Saved connections: by libpq's environment, a DSN, or arguments. A password is never among them."""

from jobdesk_core.profiles.profile import (
    ENVIRONMENTS,
    NAMES_A_DATABASE,
    Profile,
    connection_parameters,
    database_of,
    dsn_of,
    parameters_of,
    place_of,
    profile_of_dsn,
    profile_of_environment,
    split_password,
    was_done_here,
    where,
)
from jobdesk_core.profiles.store import ProfileStore, UnreadableProfiles, UnsavableProfile

__all__ = [
    "ENVIRONMENTS",
    "NAMES_A_DATABASE",
    "Profile",
    "ProfileStore",
    "UnreadableProfiles",
    "UnsavableProfile",
    "connection_parameters",
    "database_of",
    "dsn_of",
    "parameters_of",
    "place_of",
    "profile_of_dsn",
    "profile_of_environment",
    "split_password",
    "was_done_here",
    "where",
]
