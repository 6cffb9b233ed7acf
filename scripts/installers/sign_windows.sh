#!/bin/sh
# Sign a program for Windows in place, on Linux: sign_windows.sh FILE
#
# CERTIFICATE_FILE is a PKCS #12 file with key and certificate, CERTIFICATE_PASSWORD what opens it.
# TIMESTAMP_URL may name a time-stamping service; without one the signature ends with the
# certificate. makensis calls this for the installer and for the uninstaller inside.
set -eu

file=$1
set -- -h sha256 -pkcs12 "$CERTIFICATE_FILE"
if [ -n "${TIMESTAMP_URL:-}" ]; then
  set -- "$@" -ts "$TIMESTAMP_URL"
fi
# The password by way of stdin: others can read what is on a command line.
printf '%s\n' "$CERTIFICATE_PASSWORD" |
  osslsigncode sign "$@" -readpass /dev/stdin -in "$file" -out "$file.signed"
mv "$file.signed" "$file"
