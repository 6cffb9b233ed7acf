#!/bin/sh
# Installs @NAME@ @VERSION@ for the user who runs it; started by the self-extracting archive, in
# the folder that the archive was unpacked into. POSIX sh. Nothing outside HOME is written, and
# until the new program is complete nothing of an older one is touched.
set -eu
umask 022

NAME='@NAME@'
COMMAND='@COMMAND@'
VERSION='@VERSION@'
MACHINE='@MACHINE@'
ABI='@ABI@'
GLIBC='@GLIBC@'
UNPACKED_KB='@UNPACKED_KB@'
# Pairs of a library that the system has to have and the Debian package that holds it.
LIBRARIES='@LIBRARIES@'

here=$(pwd)
yes=0
as_root=0
prefix=

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$NAME" "$*" >&2
    exit 1
}

usage() {
    cat <<END
Installs $NAME $VERSION for the user who runs it; root is not needed.

    ./FILE.run [-- OPTIONS]

    --yes           ask nothing
    --prefix DIR    the program's folder; otherwise \$XDG_DATA_HOME/$COMMAND, which is
                    ~/.local/share/$COMMAND where that is not set
    --allow-root    install for root
    --help          this text

Running a newer one upgrades in place. '$COMMAND-uninstall' removes it.
END
}

while [ $# -gt 0 ]; do
    case $1 in
        --yes) yes=1 ;;
        --allow-root) as_root=1 ;;
        --prefix)
            [ $# -gt 1 ] || fail "--prefix needs a folder"
            prefix=$2
            shift
            ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail "$1 is not an option; --help lists them" ;;
    esac
    shift
done

# The parent of the archive's folder may be gone by then, so relative names count from USER_PWD,
# where the archive was started.
absolute() {
    case $1 in
        /*) printf '%s' "$1" ;;
        *) printf '%s/%s' "${USER_PWD:-$here}" "$1" ;;
    esac
}

[ -d "${HOME:-}" ] || fail "there is no home folder (HOME is '${HOME:-}')"
if [ "$(id -u)" = 0 ] && [ "$as_root" = 0 ]; then
    fail "this installs for one user; run it as that user, or with '-- --allow-root' for root"
fi

data=${XDG_DATA_HOME:-}
# The specification says to ignore a relative one.
case $data in /*) ;; *) data=$HOME/.local/share ;; esac
bin=$HOME/.local/bin
if [ -n "$prefix" ]; then dest=$(absolute "$prefix"); else dest=$data/$COMMAND; fi
case $dest in
    */) dest=${dest%/} ;;
esac
newline='
'
case $dest$data in
    *"$newline"*) fail "a folder with a line break in its name will not do" ;;
esac
mark=.installed-files

# --- what has to be there ---------------------------------------------------------------------

[ "$(uname -s)" = Linux ] || fail "this is for Linux, and this is $(uname -s)"
[ "$(uname -m)" = "$MACHINE" ] || fail "this is for $MACHINE, and this is $(uname -m)"

have_glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //') || have_glibc=
[ -n "$have_glibc" ] || fail "it needs a system with glibc $GLIBC or newer"
older() { # whether version $1 comes before version $2, both like 2.36
    [ "${1%%.*}" -lt "${2%%.*}" ] && return 0
    [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -lt "${2#*.}" ]
}
if older "$have_glibc" "$GLIBC"; then
    fail "it needs glibc $GLIBC or newer; this system has $have_glibc"
fi

ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
known=$("$ldconfig" -p 2>/dev/null) || known=
missing_apt=
missing_dnf=
lacking() {
    missing_apt="$missing_apt $1"
    missing_dnf="$missing_dnf '$2'"
}
if [ -n "$known" ]; then
    for pair in $LIBRARIES; do
        library=${pair%%=*}
        case $known in
            *"$newline	$library ($ABI"*) ;;
            *) lacking "${pair#*=}" "$library()(64bit)" ;;
        esac
    done
fi
command -v xz >/dev/null 2>&1 || lacking xz-utils xz
if [ -n "$missing_apt" ]; then
    say "$NAME needs what this system does not have. Install it, then run this again:"
    if command -v apt-get >/dev/null 2>&1; then
        names=$(printf '%s' "$missing_apt" | tr ' ' '\n' | sort -u | tr '\n' ' ')
        say "    sudo apt-get install$names"
    elif command -v dnf >/dev/null 2>&1; then
        say "    sudo dnf install$missing_dnf"
    elif command -v zypper >/dev/null 2>&1; then
        say "    sudo zypper install$missing_dnf"
    else
        say "   $missing_dnf"
    fi
    exit 2
fi

old=
if [ -f "$dest/$mark" ]; then
    old=$(cat "$dest/.version" 2>/dev/null) || old=unknown
elif [ -e "$dest" ] || [ -L "$dest" ]; then
    if [ ! -d "$dest" ] || [ -n "$(ls -A "$dest")" ]; then
        fail "$dest is there already, and is no $NAME; nothing was changed"
    fi
fi

existing() { # the nearest folder on the way up that is there
    place=$1
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    printf '%s' "$place"
}
near=$(existing "$(dirname "$dest")")
[ -w "$near" ] || fail "$near cannot be written to"
free=$(df -Pk "$near" | awk 'NR == 2 { print $4 }')
wanted=$((UNPACKED_KB + UNPACKED_KB / 20))
if [ "$free" -lt "$wanted" ]; then
    fail "$near has $((free / 1024)) MB free, and it takes $((wanted / 1024)) MB"
fi

running() { # whether a program of that folder runs, as far as this user may see
    real=$(cd "$1" 2>/dev/null && pwd -P) || return 1
    for link in /proc/[0-9]*/exe; do
        [ "$(readlink "$link" 2>/dev/null)" = "$real/$NAME" ] && return 0
    done
    return 1
}
if [ -n "$old" ] && running "$dest"; then
    fail "$NAME is running; close its windows, then run this again"
fi

if [ "$yes" = 0 ] && [ -t 0 ]; then
    say "$NAME $VERSION will be installed into $dest ($((UNPACKED_KB / 1024)) MB)."
    [ -z "$old" ] || say "It replaces $NAME $old there; settings stay."
    printf 'Go on? [Y/n] '
    read -r answer || answer=n
    case $answer in
        '' | [Yy]*) ;;
        *)
            say "Nothing was changed."
            exit 1
            ;;
    esac
fi

# --- the program, beside its place, then moved there -------------------------------------------

new=$dest.new.$$
aside=$dest.old.$$
made=

# What this run has made outside the program's folder is written down as it is made.
record() { printf '%s\n' "$1" >>"$new.list"; }

undo() {
    code=$?
    trap - EXIT
    trap '' HUP INT TERM
    rm -rf "$new"
    if [ -d "$aside" ]; then
        rm -rf "$dest"
        mv "$aside" "$dest"
    elif [ "$made" = dest ]; then
        rm -rf "$dest"
    fi
    # Newest first, so that folders are empty when their turn comes; the list lies in one of them.
    written=$(sed '1!G;h;$!d' "$new.list" 2>/dev/null) || written=
    rm -f "$new.list"
    [ -n "$old" ] || printf '%s\n' "$written" | while IFS= read -r path; do
        if [ -d "$path" ] && [ ! -L "$path" ]; then
            rmdir "$path" 2>/dev/null || :
        elif [ -n "$path" ]; then
            rm -f "$path"
        fi
    done
    [ "$code" = 0 ] || say "$NAME was not installed; what was there before is there still." >&2
    exit "$code"
}

make_folder() { # with all folders above it, those that are new being recorded
    [ -d "$1" ] && return 0
    make_folder "$(dirname "$1")"
    mkdir "$1"
    printf '%s\n' "$1" >>"$list_now"
}

# Of an installation that was killed, or whose computer went off.
inherited=
for stale in "$dest".new.*; do
    if [ -f "$stale/.unpacking" ]; then
        rm -rf "$stale"
    elif [ -f "$stale" ]; then
        inherited=$inherited$(cat "$stale")$newline
        rm -f "$stale"
    fi
done
for stale in "$dest".old.*; do
    if [ -f "$stale/$mark" ]; then
        if [ -d "$dest" ]; then rm -rf "$stale"; else mv "$stale" "$dest" && old=unknown; fi
    fi
done

list_now=$(mktemp "${TMPDIR:-/tmp}/$COMMAND.XXXXXX")
[ -z "$inherited" ] || printf '%s' "$inherited" >"$list_now"
make_folder "$(dirname "$dest")"
mv "$list_now" "$new.list"
list_now=$new.list
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
mkdir "$new"
: >"$new/.unpacking"
say "Unpacking $NAME $VERSION ..."
xz -dc "$here/program.tar.xz" | tar -xf - -C "$new"
cp "$here/uninstall.sh" "$new/uninstall.sh"
chmod 755 "$new/uninstall.sh"
cp "$here/program.list" "$new/.program-files"
printf '%s\n' "$VERSION" >"$new/.version"
# A pipe tells nothing of its first half, so the program itself is asked.
# Whatever it writes down about that goes into a folder of its own and away again.
probe=$new/.probe
said=$(XDG_STATE_HOME=$probe XDG_CONFIG_HOME=$probe XDG_CACHE_HOME=$probe \
    "$new/$NAME" --version 2>&1) || fail "it was unpacked and does not start: $said"
rm -rf "$probe"
[ "$said" = "$NAME $VERSION" ] || fail "it was unpacked and says '$said'"

# --- what the desktop reads: on an upgrade it leads to the same folder, before and after ---------

quoted() { # for Exec=: in quotes, with what the specification has escaped, twice
    printf '"%s"' "$(printf '%s' "$1" |
        sed -e 's/[\\"`$]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g')"
}

entry() { # the desktop entry with full names, since ~/.local/bin need not be on PATH
    program=$(quoted "$dest/$NAME")
    while IFS= read -r line; do
        case $line in
            Exec=*) printf 'Exec=%s %%F\n' "$program" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done <"$here/share/applications/$COMMAND.desktop"
}

put() { # the file $1 to the place $2
    make_folder "$(dirname "$2")"
    [ -e "$2" ] || [ -L "$2" ] || record "$2"
    cp "$1" "$2.new.$$"
    mv -f "$2.new.$$" "$2"
    printf '%s\n' "$2" >>"$new/.outside"
}

link() { # $2 leads to $1; what is no link of ours stays as it is
    make_folder "$(dirname "$2")"
    if [ -L "$2" ] || [ ! -e "$2" ]; then
        [ -L "$2" ] || record "$2"
        ln -sfn "$1" "$2"
        printf '%s\n' "$2" >>"$new/.outside"
    else
        say "$2 is there already and was left as it is."
    fi
}

: >"$new/.outside"
entry >"$here/$COMMAND.desktop"
(cd "$here/share" && find . -type f | sed 's/^..//' | sort) >"$here/share.list"
while IFS= read -r file; do
    case $file in
        applications/*) put "$here/$COMMAND.desktop" "$data/$file" ;;
        *) put "$here/share/$file" "$data/$file" ;;
    esac
done <"$here/share.list"
link "$dest/$NAME" "$bin/$COMMAND"
link "$dest/uninstall.sh" "$bin/$COMMAND-uninstall"
# What an older version put elsewhere and this one does not have.
if [ -n "$old" ] && [ -f "$dest/.outside" ]; then
    while IFS= read -r path; do
        grep -Fxq -- "$path" "$new/.outside" || rm -f "$path"
    done <"$dest/.outside"
fi
# Folders that were made for it now, or for the version before: the uninstaller takes them away.
{
    cat "$dest/.folders" 2>/dev/null || :
    while IFS= read -r path; do [ ! -d "$path" ] || [ -L "$path" ] || printf '%s\n' "$path"; done <"$new.list"
} | grep -Fxv -- "$dest" | awk '!seen[$0]++' >"$new/.folders" || :
printf '%s\n' "$data" >"$new/.data"
mv "$new/.unpacking" "$new/$mark"

[ ! -d "$dest" ] || mv "$dest" "$aside"
made=dest
mv "$new" "$dest"

# --- from here on it is installed ---------------------------------------------------------------

trap - EXIT
trap '' HUP INT TERM
rm -f "$new.list"
if [ -d "$aside" ]; then
    if [ -f "$aside/.program-files" ]; then
        sh "$aside/uninstall.sh" --files-only "$aside" || :
    else
        rmdir "$aside" 2>/dev/null || :
    fi
    [ ! -d "$aside" ] || say "Files that are not $NAME's were left in $aside."
fi
sh "$dest/uninstall.sh" --refresh

say "$NAME $VERSION is installed in $dest."
[ -z "$old" ] || say "It replaced $NAME $old; settings were kept."
case :${PATH:-}: in
    *:"$bin":*) say "Start it from the desktop's menu, or by '$COMMAND'." ;;
    *)
        say "Start it from the desktop's menu, or by $bin/$COMMAND"
        say "($bin is not on PATH; many systems put it there at the next login)."
        ;;
esac
say "Remove it with $bin/$COMMAND-uninstall."
