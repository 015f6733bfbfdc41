#!/bin/sh
# chart.sh: lines "LABEL TAB PLAY_MS TAB ANSIBLE_MS TAB MITOGEN_MS TAB ALLOWED_MS" ("-": not measured) as an SVG of bars on a logarithmic scale.
LC_ALL=C exec awk -F '\t' '
function shown(v) {
    if (v >= 10000) return sprintf("%.0f s", v / 1000)
    return (v >= 1000) ? sprintf("%.1f s", v / 1000) : (v " ms")
}
function bar(y, v, color, name,    w) {
    if (v == "-") return y
    w = log(v / 10) / log(10) * 110
    if (w < 2) w = 2
    printf "<rect x=\"200\" y=\"%d\" width=\"%.1f\" height=\"12\" fill=\"%s\"><title>%s</title></rect>\n", y, w, color, name
    printf "<text x=\"%.1f\" y=\"%d\" font-size=\"10\">%s</text>\n", 204 + w, y + 10, shown(v)
    return y + 14
}
{ label[NR] = $1; play[NR] = $2; theirs[NR] = $3; third[NR] = $4; allowed[NR] = $5 }
END {
    height = 40
    for (i = 1; i <= NR; i++) height += 14 * (1 + (theirs[i] != "-") + (third[i] != "-") + (allowed[i] != "-")) + 10
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"%d\" font-family=\"sans-serif\">\n", height
    print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    print "<text x=\"10\" y=\"18\" font-size=\"13\">Wall time of a second run, logarithmic: "
    print "<tspan fill=\"#1a7f37\">play</tspan>, <tspan fill=\"#8fd19e\">1.5 x limit + remote work</tspan>, <tspan fill=\"#b35900\">ansible-playbook with pipelining</tspan>, <tspan fill=\"#57606a\">Mitogen</tspan></text>"
    y = 34
    for (i = 1; i <= NR; i++) {
        printf "<text x=\"10\" y=\"%d\" font-size=\"11\">%s</text>\n", y + 10, label[i]
        y = bar(y, play[i], "#1a7f37", "play")
        y = bar(y, allowed[i], "#8fd19e", "allowed")
        y = bar(y, theirs[i], "#b35900", "ansible-playbook")
        y = bar(y, third[i], "#57606a", "Mitogen") + 10
    }
    print "</svg>"
}'
