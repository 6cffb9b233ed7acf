#!/bin/sh
# Installs @NAME@ @VERSION@ for the user who runs it; started by the self-extracting archive, in
# the folder that the archive was unpacked into. POSIX sh. Nothing outside HOME is written; what is
# changed before the new program is complete is restored when anything fails (journal.sh).
set -eu
umask 022

NAME='@NAME@'
COMMAND='@COMMAND@'
VERSION='@VERSION@'
MACHINE='@MACHINE@'
ABI='@ABI@'
GLIBC='@GLIBC@'
UNPACKED_KB='@UNPACKED_KB@'
# Pairs of a required system library and the Debian package that provides it.
LIBRARIES='@LIBRARIES@'

here=$(pwd)
yes=0
as_root=0
prefix=

# shellcheck source=/dev/null
. ./journal.sh

fail() {
    printf '%s: %s\n' "$NAME" "$*" >&2
    exit 1
}

usage() {
    cat <<END
Installs $NAME $VERSION for the current user; root privileges are not needed.

    ./FILE.run [-- OPTIONS]

    --yes           do not ask for confirmation
    --prefix DIR    folder for the program; default: \$XDG_DATA_HOME/$COMMAND, or
                    ~/.local/share/$COMMAND if XDG_DATA_HOME is not set
    --allow-root    install for root
    --help          show this text

A newer installer upgrades in place. '$COMMAND-uninstall' removes the program.
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
while :; do
    case $dest in
        */) dest=${dest%/} ;;
        */.) dest=${dest%.} ;;
        */..) fail "--prefix $prefix will not do: name a folder for the program itself" ;;
        '') fail "--prefix $prefix will not do: the program needs a folder of its own" ;;
        *) break ;;
    esac
done
newline='
'
case $dest$data$bin in
    *"$newline"*) fail "a folder name with a line break will not do" ;;
esac
mark=.installed-files

# --- what has to be there ---------------------------------------------------------------------

[ "$(uname -s)" = Linux ] || fail "this installer is for Linux; this system is $(uname -s)"
[ "$(uname -m)" = "$MACHINE" ] || fail "this installer is for $MACHINE; this machine is $(uname -m)"

have_glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //') || have_glibc=
[ -n "$have_glibc" ] || fail "$NAME needs a system with glibc $GLIBC or newer"
older() { # whether version $1 comes before version $2, both like 2.36
    [ "${1%%.*}" -lt "${2%%.*}" ] && return 0
    [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -lt "${2#*.}" ]
}
if older "$have_glibc" "$GLIBC"; then
    fail "$NAME needs glibc $GLIBC or newer; this system has $have_glibc"
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
    say "$NAME needs system packages that are missing. Install them, then run this installer again:"
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

recover "$dest" ||
    fail "the leftovers of an interrupted installation beside $dest cannot be taken back"

old=
if [ -f "$dest/$mark" ]; then
    old=$(cat "$dest/.version" 2>/dev/null) || old=unknown
elif [ -e "$dest" ] || [ -L "$dest" ]; then
    if [ ! -d "$dest" ] || [ -n "$(ls -A "$dest")" ]; then
        fail "$dest already exists and is no $NAME folder; nothing was changed"
    fi
fi

(cd "$here/share" && find . -type f | sed 's/^..//' | sort) >"$here/share.list"

real() { # $1 without links and dots, as far as its folders are there; its last part as it is
    place=$(dirname "$1")
    place=$(readlink -m "$place" 2>/dev/null) || place=$(dirname "$1")
    printf '%s/%s' "${place%/}" "$(basename "$1")"
}
real_dest=$(real "$dest")
keep_clear() { # the program's folder must neither be nor hold what goes elsewhere
    case $(real "$1")/ in
        "$real_dest"/*) fail "the program cannot be put into $dest, since $1 belongs there" ;;
    esac
}
keep_clear "$bin/$COMMAND"
keep_clear "$bin/$COMMAND-uninstall"
while IFS= read -r file; do keep_clear "$data/$file"; done <"$here/share.list"

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
    fail "$NAME is running; close its windows, then run this installer again"
fi

if [ "$yes" = 0 ] && [ -t 0 ]; then
    say "$NAME $VERSION will be installed into $dest ($((UNPACKED_KB / 1024)) MB)."
    [ -z "$old" ] || say "It replaces $NAME $old; your settings are kept."
    printf 'Continue? [Y/n] '
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

number=$$
while [ -e "$dest.new.$number" ] || [ -e "$dest.old.$number" ]; do number=$((number + 1)); done
new=$dest.new.$number
aside=$dest.old.$number
above= # the folders above it that are not there, the innermost first

undo() {
    code=$?
    trap - EXIT
    trap '' HUP INT TERM
    state="the previous state is there still."
    if [ -f "$new/.journal" ]; then
        roll_back "$dest" "$new" || state="not everything could be restored: run this installer again."
    else
        remove_folder "$new"
        printf '%s' "$above" | while IFS= read -r path; do remove_folder "$path"; done
    fi
    say "$NAME was not installed; $state" >&2
    exit "$code"
}

journal() { printf '%s\n' "$*" >>"$new/.journal"; }

make_folder() { # with all folders above it
    [ -d "$1" ] && return 0
    make_folder "$(dirname "$1")"
    journal folder "$1"
    mkdir "$1"
}

trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
place=$(dirname "$dest")
while [ ! -d "$place" ]; do
    above=$above$place$newline
    place=$(dirname "$place")
done
mkdir -p "$(dirname "$dest")"
mkdir "$new"
printf '%s' "$above" | newest_first | sed 's/^/folder /' >"$new/.journal"
mkdir "$new/.saved"
say "Unpacking $NAME $VERSION ..."
xz -dc "$here/program.tar.xz" | tar -xf - -C "$new"
cp "$here/uninstall.sh" "$here/journal.sh" "$new"
chmod 755 "$new/uninstall.sh"
cp "$here/program.list" "$new/.program-files"
printf '%s\n' "$VERSION" >"$new/.version"
# A pipe tells nothing of its first half, so the program itself is asked.
# Whatever it writes down about that goes into a folder of its own and away again.
probe=$new/.probe
said=$(XDG_STATE_HOME=$probe XDG_CONFIG_HOME=$probe XDG_CACHE_HOME=$probe \
    "$new/$NAME" --version 2>&1) || fail "the program was unpacked but does not start: $said"
rm -rf "$probe"
[ "$said" = "$NAME $VERSION" ] || fail "the program was unpacked but reports '$said'"

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

step=0
replace() { # $1, by what lies in .saved as the step's
    kept=$new/.saved/$step
    kind=new
    if [ -e "$1" ] || [ -L "$1" ]; then
        kind=was
        cp -pP "$1" "$kept.was"
    fi
    journal "$kind" "$step" "$1"
    cp -P "$kept.now" "$1.new.$number"
    mv -fT "$1.new.$number" "$1"
    printf '%s\n' "$1" >>"$new/.outside"
    step=$((step + 1))
}

put() { # the file $1 to the place $2
    [ ! -d "$2" ] || fail "$2 is a folder, but a file belongs there"
    make_folder "$(dirname "$2")"
    cp "$1" "$new/.saved/$step.now"
    replace "$2"
}

link() { # $2 leads to $1; what is no link stays as it is
    make_folder "$(dirname "$2")"
    if [ -L "$2" ] || [ ! -e "$2" ]; then
        ln -s "$1" "$new/.saved/$step.now"
        replace "$2"
    else
        say "$2 already exists and was not changed."
    fi
}

: >"$new/.outside"
entry >"$here/$COMMAND.desktop"
while IFS= read -r file; do
    case $file in
        applications/*) put "$here/$COMMAND.desktop" "$data/$file" ;;
        *) put "$here/share/$file" "$data/$file" ;;
    esac
done <"$here/share.list"
link "$dest/$NAME" "$bin/$COMMAND"
link "$dest/uninstall.sh" "$bin/$COMMAND-uninstall"
# Folders that were made for it now, or for the version before: the uninstaller takes them away.
{
    cat "$dest/.folders" 2>/dev/null || :
    sed -n 's/^folder //p' "$new/.journal"
} | grep -Fxv -- "$dest" | awk '!seen[$0]++' >"$new/.folders" || :
printf '%s\n' "$data" >"$new/.data"
: >"$new/$mark"

# From the second rename on it is installed, so no signal may come between that and what follows.
trap '' HUP INT TERM
[ ! -d "$dest" ] || mv -T "$dest" "$aside"
mv -T "$new" "$dest"
trap - EXIT

# --- from here on it is installed ---------------------------------------------------------------

[ ! -d "$aside" ] || clear_older "$dest" "$aside"
rm -rf "$dest/.saved" "$dest/.journal"
sh "$dest/uninstall.sh" --refresh

say "$NAME $VERSION is installed in $dest."
[ -z "$old" ] || say "It replaced $NAME $old; settings were kept."
case :${PATH:-}: in
    *:"$bin":*) say "Start it from the application menu, or with '$COMMAND'." ;;
    *)
        say "Start it from the application menu, or with $bin/$COMMAND"
        say "($bin is not on PATH; many systems add it at the next login)."
        ;;
esac
say "Remove it with $bin/$COMMAND-uninstall."
