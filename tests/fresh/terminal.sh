# shellcheck shell=bash
# A terminal on which a person types.

# on_terminal COMMAND: runs it on a terminal of its own, answers each question when it stands there, shows what was said, and ends
# with the command's exit code.
on_terminal() {
    local talk asked=0 code=0 typist
    talk=$(mktemp -d)
    mkfifo "$talk/keys"
    exec 3<>"$talk/keys"
    script --quiet --return --flush --command "$1" "$talk/shown" <"$talk/keys" >/dev/null 2>&1 &
    typist=$!
    while kill -0 "$typist" 2>/dev/null; do
        answer_next
        sleep 0.05
    done
    wait "$typist" || code=$?
    exec 3>&-
    tr -d '\r' <"$talk/shown" | sed '1d;/^Script done/d;s/^/    /'
    rm -rf "$talk"
    return "$code"
}

# Whether the line on which the cursor stands asks something that was not answered yet. `asked` counts the answers.
answer_next() {
    local questions question
    questions=$(tr '\r' '\n' <"$talk/shown" 2>/dev/null | grep -aoE '(([a-z]+ の|新しい)パスワード|もう一度|password of [a-z]+|new password|once more): |送る通数を入力してください\([0-9]+\):|\[Y/n\] ' || true)
    question=$(sed -n "$((asked + 1))p" <<<"$questions")
    [ -n "$question" ] || return 0
    asked=$((asked + 1))
    case $question in
        *通数*) tr -dc 0-9 <<<"$question" >&3 && echo >&3 ;;
        *Y/n*) echo y >&3 ;;
        *) echo "correct horse battery" >&3 ;;
    esac
}
