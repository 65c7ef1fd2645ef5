#!/bin/sh
# Puts this Jobdesk into your own menu, with its icon; `--remove` takes it out again. Changes nothing else.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
entry=$data/applications/jobdesk.desktop
icon=$data/icons/hicolor/scalable/apps/jobdesk.svg

if [ "${1:-}" = --remove ]; then
    rm -f "$entry" "$icon"
    exit
fi
mkdir -p "$(dirname "$entry")" "$(dirname "$icon")"
cp "$here/share/icons/hicolor/scalable/apps/jobdesk.svg" "$icon"
sed -e "s|^Exec=jobdesk|Exec=\"$here/jobdesk\"|" -e "s|^TryExec=.*|TryExec=$here/jobdesk|" \
    "$here/share/applications/jobdesk.desktop" > "$entry"
printf 'Jobdesk is in your menu now. Once this folder is moved, call %s again.\n' "$0"
