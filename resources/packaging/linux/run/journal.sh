# shellcheck shell=sh
# What the installer and the uninstaller of @NAME@ share: both read this file. POSIX sh.
#
# A new version is laid out in FOLDER.new.NUMBER, and becomes FOLDER by a rename as the last step;
# the version before is FOLDER.old.NUMBER by then. Until then .journal in it says what was changed
# elsewhere, each line being written before the change that it names:
#     folder PATH     made
#     new N PATH      made; .saved/N.now is the same
#     was N PATH      made to be what .saved/N.now is; .saved/N.was is what was there
# Whoever finds FOLDER.new.NUMBER takes back what its journal says. Whoever finds an installed
# FOLDER and a version FOLDER.old.NUMBER goes on with removing the latter. Either may be cut short
# itself and begun again. The worst that remains is an empty folder above FOLDER.

say() { printf '%s\n' "$*"; }

newest_first() { sed '1!G;h;$!d'; }

same() { # whether there is at $1 what there is at $2
    if [ -L "$1" ] || [ -L "$2" ]; then
        [ -L "$1" ] && [ -L "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ]
    else
        [ -f "$1" ] && [ -f "$2" ] && [ "$(cksum <"$1")" = "$(cksum <"$2")" ]
    fi
}

remove_folder() { # $1, where it is one, and empty
    [ ! -d "$1" ] || [ -L "$1" ] || rmdir "$1" 2>/dev/null || :
}

take_back() { # the line $2 of the journal in $1; what somebody changed since stays as it is
    rest=${2#* }
    case $2 in
        'folder '*)
            remove_folder "$rest"
            return 0
            ;;
        'new '* | 'was '*) ;;
        *) return 0 ;;
    esac
    path=${rest#* }
    kept=$1/.saved/${rest%% *}
    part=$path.new.${1##*.}
    rm -f "$part" || return 1
    same "$path" "$kept.now" || return 0
    if [ "${2%% *}" = new ]; then
        rm -f "$path"
    elif [ -e "$kept.was" ] || [ -L "$kept.was" ]; then
        cp -pP "$kept.was" "$part" && mv -fT "$part" "$path"
    fi
}

roll_back() { # the folder $1, and everything else, to what was there before $2 was begun
    aside=$1.old.${2##*.}
    if [ -d "$aside" ]; then mv -T "$aside" "$1" || return 1; fi
    # The program goes first, since what comes back needs room, and the journal goes last.
    find "$2" -mindepth 1 -maxdepth 1 ! -name .journal ! -name .saved -exec rm -rf {} + || return 1
    newest_first <"$2/.journal" | {
        bad=0
        while IFS= read -r line; do take_back "$2" "$line" || bad=1; done
        [ "$bad" = 0 ]
    } || return 1
    made=$(sed -n 's/^folder //p' "$2/.journal" | newest_first)
    rm -rf "$2/.saved" && rm -rf "$2" || return 1
    printf '%s\n' "$made" | while IFS= read -r path; do remove_folder "$path"; done
}

own() { # whether $2, which a version in the folder $1 put there, is still what it was
    if [ -L "$2" ]; then
        case $(readlink -f "$2") in "$(readlink -f "$1")"/*) return 0 ;; *) return 1 ;; esac
    fi
    # A command was a link. What is there instead is somebody else's.
    case $2 in */bin/'@COMMAND@' | */bin/'@COMMAND@-uninstall') return 1 ;; esac
}

program_files() { # remove them, then the folders that are empty; names hold no odd characters
    cd "$1" || exit 1
    [ ! -f .program-files ] || {
        sed -n 's/^f //p' .program-files | xargs rm -f --
        sed -n 's/^d //p' .program-files | sort -r | xargs rmdir 2>/dev/null || :
    }
    rm -rf .saved
    # The list goes last: as long as it is there, this is begun again.
    rm -f .version .outside .folders .data .installed-files .journal uninstall.sh journal.sh \
        .program-files
    cd /
    rmdir "$1" 2>/dev/null || :
}

clear_older() { # of what is installed in $1: the version before, which lies in $2
    if [ -f "$2/.outside" ]; then
        while IFS= read -r path; do
            grep -Fxq -- "$path" "$1/.outside" || ! own "$1" "$path" || rm -f "$path" || :
        done <"$2/.outside"
    fi
    (program_files "$2") || :
    [ ! -d "$2" ] || say "Files that are not @NAME@'s were left in $2."
}

recover() { # what is left beside the folder $1 by installations that were killed
    for stale in "$1".new.[0-9]*; do
        if [ -f "$stale/.journal" ]; then
            say "An interrupted installation is taken back first."
            roll_back "$1" "$stale" || return 1
        elif [ -d "$stale" ]; then
            remove_folder "$stale"
        fi
    done
    for stale in "$1".old.[0-9]*; do
        if [ -f "$stale/.program-files" ] && [ -f "$1/.installed-files" ]; then
            clear_older "$1" "$stale"
        elif [ -f "$stale/.installed-files" ] && [ ! -e "$1" ]; then
            mv -T "$stale" "$1" || return 1
        elif [ -d "$stale" ]; then
            remove_folder "$stale"
        fi
    done
    [ ! -f "$1/.installed-files" ] || rm -rf "$1/.saved" "$1/.journal"
}
