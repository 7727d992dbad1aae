#!/bin/sh
# Install the real SIP peers of the tests, and what reads the reports, where the system's package
# manager can; without them their tests are skipped, and the last lines of the run say so.
set -u

packages=
command -v baresip >/dev/null 2>&1 || packages="$packages baresip-core"
command -v sipp >/dev/null 2>&1 || packages="$packages sip-tester"
command -v tshark >/dev/null 2>&1 || packages="$packages tshark"
# Ubuntu's package of that name only calls snap, which takes long and fails in containers.
if ! command -v chromium >/dev/null 2>&1 && ! grep -qi ubuntu /etc/os-release 2>/dev/null; then
    packages="$packages chromium"
fi
[ -z "$packages" ] && exit 0

if command -v apt-get >/dev/null 2>&1; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "installing the peers:$packages"
    # shellcheck disable=SC2086
    $as_root apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null
elif command -v brew >/dev/null 2>&1; then
    brew install baresip sipp wireshark
fi || echo "could not install$packages; the tests with them will be skipped" >&2
exit 0
