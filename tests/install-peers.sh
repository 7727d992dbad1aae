#!/bin/sh
# Install the real SIP peers of the tests, and what reads the reports, where the system's package
# manager can; without them their tests are skipped, and the last lines of the run say so.
set -u
PATH="$PATH:/usr/sbin"

packages=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
need baresip baresip-core
need sipp sip-tester
need tshark tshark
if command -v apt-get >/dev/null 2>&1; then
    need tcpdump tcpdump
    need kamailio kamailio
    need rtpengine rtpengine-daemon
    need turnserver coturn
    # for networks of their own, with a NAT between them
    need ip iproute2
    need iptables iptables
    ls /usr/lib*/kamailio/modules/tls.so /usr/lib/*/kamailio/modules/tls.so 2>/dev/null | grep -q . ||
        packages="$packages kamailio-tls-modules"
fi
# Ubuntu's package of that name only calls snap, which takes long and fails in containers.
grep -qi ubuntu /etc/os-release 2>/dev/null || need chromium chromium
[ -z "$packages" ] && exit 0

# The tests start servers of their own; one that only came with its package shall not run beside them.
stop_the_service_of() {
    case "$1" in
    kamailio | rtpengine-daemon | coturn)
        command -v systemctl >/dev/null 2>&1 && $as_root systemctl disable --now "$1" >/dev/null 2>&1
        ;;
    esac
    return 0
}

if command -v apt-get >/dev/null 2>&1; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "installing the peers:$packages"
    $as_root apt-get update -qq
    for package in $packages; do # one by one, so that one that this system lacks costs only its own tests
        if DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
            "$package" >/dev/null; then
            stop_the_service_of "$package"
        else
            echo "could not install $package; the tests with it will be skipped" >&2
        fi
    done
elif command -v brew >/dev/null 2>&1; then
    brew install baresip sipp wireshark || echo "could not install$packages; their tests will be skipped" >&2
else
    echo "could not install$packages; the tests with them will be skipped" >&2
fi
exit 0
