# A terminal on which a person types. To be sourced.
# shellcheck shell=bash

# The questions that owabi asks; none ends its line.
QUESTION='([a-z]+ の|新しい)パスワード: |もう一度: |\[yes/no\] |入力してください\([0-9]+\): '
# Seconds after which a session that still goes on has come upon a question that nobody answers.
PATIENCE=600

# on_terminal COMMAND: runs it on a terminal of its own (util-linux's script), answers each question when it stands there, shows
# what was said, and ends with the command's exit code.
on_terminal() {
    local talk typist code=0 answered=0 began=$SECONDS
    talk=$(mktemp -d)
    mkfifo "$talk/keys"
    exec 3<>"$talk/keys"
    SHELL=/bin/sh script --quiet --return --flush --command "$1" "$talk/shown" <"$talk/keys" >"$talk/screen" 2>&1 &
    typist=$!
    while kill -0 "$typist" 2>/dev/null; do
        answer "$talk/screen"
        if ((SECONDS - began > PATIENCE)); then
            echo "nothing more was typed for it within $PATIENCE s" >&2
            kill "$typist"
        fi
        sleep 0.05
    done
    wait "$typist" || code=$?
    exec 3>&-
    tr -d '\r' <"$talk/screen" >&2
    rm -rf "$talk"
    return "$code"
}

# Types what the first question asks that was not answered yet.
answer() {
    local question
    question=$(grep -aoE "$QUESTION" "$1" | sed -n "$((answered + 1))p")
    case $question in
        '') return ;;
        '[yes/no]'*) echo yes >&3 ;;
        *パスワード* | もう一度*) echo 'correct horse battery' >&3 ;;
        *) tr -dc '0-9\n' <<<"$question" >&3 ;;
    esac
    answered=$((answered + 1))
}
