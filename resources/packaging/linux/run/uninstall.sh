#!/bin/sh
# Removes @NAME@ as its installer put it there, and nothing else. POSIX sh.
set -eu

NAME='@NAME@'
COMMAND='@COMMAND@'

fail() {
    printf '%s: %s\n' "$NAME" "$*" >&2
    exit 1
}

# The folder of this file, through the link in ~/.local/bin.
self=$0
case $self in */*) ;; *) self=$(command -v "$self") ;; esac
self=$(readlink -f "$self")
folder=$(dirname "$self")
# shellcheck source=/dev/null
. "$folder/journal.sh"

refresh() { # the user's own databases, where the system has the tools for them
    [ -d "$1" ] || return 0
    for pair in applications:update-desktop-database mime:update-mime-database; do
        [ -d "$1/${pair%%:*}" ] || continue
        if command -v "${pair#*:}" >/dev/null 2>&1; then
            "${pair#*:}" "$1/${pair%%:*}" >/dev/null 2>&1 ||
                say "note: ${pair#*:} failed; the desktop may notice changes later"
        fi
    done
    # Icons are looked up by the change of their folder where there is no cache.
    if [ -d "$1/icons/hicolor" ]; then
        touch "$1/icons/hicolor"
        if [ -f "$1/icons/hicolor/icon-theme.cache" ] &&
            command -v gtk-update-icon-cache >/dev/null 2>&1; then
            gtk-update-icon-cache -q -t -f "$1/icons/hicolor" >/dev/null 2>&1 || :
        fi
    fi
}

drop_caches() { # what the tools above wrote, where nothing is left that it could be about
    others=0
    for file in "$1"/applications/*; do
        case $file in */mimeinfo.cache) ;; *) [ ! -e "$file" ] || others=1 ;; esac
    done
    [ "$others" = 1 ] || rm -f "$1/applications/mimeinfo.cache"
    if [ -d "$1/mime" ] && [ -z "$(ls -A "$1/mime/packages" 2>/dev/null)" ]; then
        for name in aliases generic-icons globs globs2 icons magic mime.cache subclasses \
            treemagic types version XMLnamespaces; do
            rm -f "$1/mime/$name"
        done
        rmdir "$1/mime/application" 2>/dev/null || :
    fi
}

case ${1:-} in
    --refresh)
        refresh "$(cat "$folder/.data")"
        exit 0
        ;;
    --help | -h)
        say "Removes $NAME for the current user. --yes skips the confirmation. Settings are kept."
        exit 0
        ;;
    --yes | '') ;;
    *) fail "$1 is not an option; --help lists them" ;;
esac

[ -f "$folder/.installed-files" ] || fail "$folder does not look like an installed $NAME"
for link in /proc/[0-9]*/exe; do
    if [ "$(readlink "$link" 2>/dev/null)" = "$folder/$NAME" ]; then
        fail "$NAME is running; close its windows first. Nothing was removed."
    fi
done
if [ "${1:-}" != --yes ] && [ -t 0 ]; then
    printf 'Remove %s from %s? [y/N] ' "$NAME" "$folder"
    read -r answer || answer=n
    case $answer in
        [Yy]*) ;;
        *)
            say "Nothing was removed."
            exit 1
            ;;
    esac
fi

recover "$folder" ||
    fail "the leftovers of an interrupted upgrade beside $folder cannot be taken back"
data=$(cat "$folder/.data")
folders=$(cat "$folder/.folders")
while IFS= read -r path; do
    # One of the same name may belong to somebody else by now.
    ! own "$folder" "$path" || rm -f "$path"
done <"$folder/.outside"
program_files "$folder"
refresh "$data"
drop_caches "$data"
# Longest names first, so that folders are empty when their turn comes.
printf '%s\n' "$folders" | sort -r | while IFS= read -r path; do
    [ -z "$path" ] || rmdir "$path" 2>/dev/null || :
done

say "$NAME was removed."
[ ! -d "$folder" ] || say "Files that do not belong to it were left in $folder."
for kept in "${XDG_CONFIG_HOME:-$HOME/.config}/$COMMAND" "${XDG_CONFIG_HOME:-$HOME/.config}/$NAME" \
    "${XDG_STATE_HOME:-$HOME/.local/state}/$COMMAND" "${XDG_CACHE_HOME:-$HOME/.cache}/$COMMAND"; do
    [ ! -d "$kept" ] || say "Kept: $kept"
done
