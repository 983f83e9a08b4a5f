# Medians over the rounds of JSON lines from `run`; a ratio is between a run and the yardstick of its own round: smtp-source, one
# daemon, the small queue.

function field(key,    text) {
    if (!match($0, "\"" key "\":[^,}]*")) return ""
    text = substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
    gsub(/"/, "", text)
    return text == "null" ? "" : text
}

function median(list,    v, n, i, j, t) {
    n = split(list, v, " ")
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n ? (n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2) : "-"
}

BEGIN {
    columns = split("per_second ratio cpu_s_per_1000 peak_mb writes_per_mail mails_per_commit connections last_tenth_to_first", column, " ")
    format = "%-10s %-18s %11s %6s %15s %8s %16s %17s %12s %20s\n"
    printf "\n" format, "case", "who", column[1], column[2], column[3], column[4], column[5], column[6], column[7], column[8]
}

{ name = field("case") "\t" field("who") }
field("printed") != "" { last[name] = field("printed") }
field("who") ~ /^(smtp-source|1 daemon|10000 rows)$/ { yardstick = field("per_second"); yardstick_of = field("case") }
!(name in seen) { seen[name] = 1; order[++names] = name }
{
    for (i = 1; i <= columns; i++) {
        value = field(column[i])
        if (column[i] == "ratio" && yardstick_of == field("case")) value = sprintf("%.2f", field("per_second") / yardstick)
        if (value != "") values[name, i] = values[name, i] " " value
    }
}

END {
    for (k = 1; k <= names; k++) {
        split(order[k], part, "\t")
        if (order[k] in last) { printf "%-10s %-18s %s\n", part[1], part[2], last[order[k]]; continue }
        for (i = 1; i <= columns; i++) cell[i] = median(values[order[k], i])
        printf format, part[1], part[2], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6], cell[7], cell[8]
    }
}
