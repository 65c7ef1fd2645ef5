"""The look of the disk image, for dmgbuild: the program on the left, the folder to drag it to on the right."""

import os
from pathlib import Path

application = os.environ["JOBDESK_APP"]

format = "UDZO"
filesystem = "HFS+"
files = [application]
symlinks = {"Applications": "/Applications"}
icon = str(Path(os.environ["JOBDESK_PACKAGING"]) / "macos" / "jobdesk.icns")
icon_locations = {Path(application).name: (150, 150), "Applications": (430, 150)}
window_rect = ((200, 200), (580, 340))
icon_size = 112
text_size = 13
default_view = "icon-view"
