# Run by boot.sh where sudo asks for a password: makes one, once. It is in the user's home, and both
# files are Lima's, which makes another where the second is missing.
mark=$LIMA_CIDATA_HOME/.lima-password-set
[ ! -e "$mark" ] || exit 0

# As the user: a link in the home leads nowhere where the user may not write.
as_user() { sudo -n -u "$LIMA_CIDATA_USER" "$@"; }

password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
[ ${#password} -eq 24 ] || exit
# Kept before it counts, so that nobody is left without after a crash between the two.
printf '%s\n' "$password" |
    as_user sh -c 'umask 077 && rm -f "$1" && cat >"$1"' sh "$LIMA_CIDATA_HOME/password" || exit
printf '%s:%s\n' "$LIMA_CIDATA_USER" "$password" | chpasswd && as_user touch "$mark"
