"""Why a desk cannot be put into a file, or a file be made into a desk."""


class BackupFailed(Exception):
    """The backup was not taken, or not restored; what there was before is unchanged."""


class NotABackup(BackupFailed):
    """The file is none that `caselog backup` writes, or none that this release can read."""


class DamagedBackup(BackupFailed):
    """The file is a backup, but not whole, or not as it was written."""


class DeskInTheWay(BackupFailed):
    """There is something already where the desk would be restored."""
