#!/bin/sh
# Sees that the system packages we need are there, and installs what is missing with apt-get when it may.
#
#   scripts/system-packages.sh demo    Pango and fonts, for the PDF report: without them it stops, exit 1
#   scripts/system-packages.sh test    besides these, the peers the tests talk to: DICOM tools, a browser,
#                                      PostgreSQL, Redis, OpenSSH. Tests of an absent peer are skipped, unless
#                                      PARALLAX_REQUIRE_ALL=1, which makes absence an error
set -eu

for_reports="libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
for_tests="dcmtk dicom3tools openjph-tools orthanc orthanc-dicomweb chromium postgresql redis-server poppler-utils openssh-client openssh-server"
services="orthanc postgresql redis-server"

purpose=${1:-demo}
case $purpose in
    demo) wanted=$for_reports ;;
    test) wanted="$for_reports $for_tests" ;;
    *) echo "usage: $0 demo|test" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)

has() { command -v "$1" >/dev/null 2>&1; }
pango_loads() { "$root/.venv/bin/python" -c "import weasyprint" >/dev/null 2>&1; }

# What the purpose cannot do without: the report needs Pango, the tests need their peers only on request.
give_up() {
    echo "parallax: $1" >&2
    if [ "${PARALLAX_REQUIRE_ALL:-}" = 1 ]; then exit 1; fi
    if ! pango_loads; then
        echo "parallax: the PDF report needs Pango, which is not installed on this machine." >&2
        exit 1
    fi
    echo "parallax: going on without; tests that need them are skipped and say so." >&2
    exit 0
}

if ! has dpkg-query || ! has apt-get; then
    if [ "$purpose" = demo ] && pango_loads; then exit 0; fi
    if [ "$(uname)" = Darwin ]; then
        brew="pango"
        if [ "$purpose" = test ]; then brew="pango dcmtk openjph postgresql redis poppler && brew install --cask chromium"; fi
        give_up "to have everything, run: brew install $brew"
    fi
    give_up "to have everything, install your system's packages of: $wanted"
fi

installed() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in *" installed") return 0 ;; esac
    # Chrome serves as well as Chromium, which Ubuntu has only as a snap.
    [ "$1" = chromium ] && { has chromium || has chromium-browser || has google-chrome; }
}

list_missing() {
    missing=""
    for package in $wanted; do installed "$package" || missing="$missing $package"; done
}

list_missing
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif has sudo && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    give_up "to have everything, run: sudo apt-get install -y --no-install-recommends$missing"
fi

# The new servers must not begin to listen on this machine: tests start private ones. policy-rc.d is Debian's
# way to say so during installation; where systemd runs, they are then taken out of the next start as well.
install='
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    trap "exit 1" HUP INT TERM
    printf "#!/bin/sh\nexit 101\n" >"$policy"
    chmod 755 "$policy"
fi
# Only old package lists are renewed: with fresh ones the first attempt succeeds.
apt-get install -y -q --no-install-recommends $MISSING || {
    apt-get update -q
    available=""
    for package in $MISSING; do
        if apt-cache show "$package" >/dev/null 2>&1; then available="$available $package"; fi
    done
    apt-get install -y -q --no-install-recommends $available
}
if [ -d /run/systemd/system ]; then
    for service in $SERVICES; do systemctl disable --now "$service" >/dev/null 2>&1 || true; done
fi
'
log=$(mktemp)

new_services=""
for service in $services; do
    case "$missing " in *" $service "*) new_services="$new_services $service" ;; esac
done
case "$missing " in *" openssh-server "*) new_services="$new_services ssh" ;; esac

echo "parallax: installing system packages:$missing"
$as_root env MISSING="$missing" SERVICES="$new_services" \
    sh -c "$install" >"$log" 2>&1 || tail -n 15 "$log" >&2
list_missing
if [ -n "$missing" ]; then
    give_up "apt-get could not install:$missing (its output is in $log)"
fi
rm -f "$log"
