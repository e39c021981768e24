// Fills the charts' sources with what the pickers have chosen. Runs in the page, on what library.py packed.
const L = library instanceof Map ? Object.fromEntries(library) : library
const g = Math.max(0, L.groups.indexOf(pick_group.value))
const m = Math.max(0, L.metrics.indexOf(pick_metric.value))
const G = L.groups.length, M = L.metrics.length
const unit = L.units[m], high = L.limits[m], colour = L.colours[g]

// One run of `size` values out of packed, row-major steps.
const take = (packed, row, size, top) => {
  const out = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    const step = packed[row * size + i]
    out[i] = step === 65535 ? NaN : step * top / L.steps
  }
  return out
}

// Only the servers of the chosen archetype can be picked; any of them, by any part of its id.
if (!L.own_names) { const texts = JSON.parse(L.own_texts); L.own_names = texts.names; L.own_facts = texts.facts }
const here = g === 0 ? L.own_names : L.own_names.filter((_, i) => L.own_kind[i] === g - 1)
if (L.offered !== g) { L.offered = g; pick_server.completions = here }
if (pick_server.value !== "" && !here.includes(pick_server.value)) pick_server.value = ""
const s = pick_server.value === "" ? -1 : L.own_names.indexOf(pick_server.value)
const facts = document.getElementById("server-facts")
if (facts) facts.textContent = s < 0 ? "" : `${L.own_names[s]}: ${L.groups[L.own_kind[s] + 1]}, ${L.own_facts[s]}`

// A server's points stand for as many days as there is room for: each of them for all the periods within it.
const at_point = Array.from(L.days, (_, i) => Math.min(L.own_points - 1, Math.floor(i * L.days_each / L.own_days)))
const bytes = (packed, low, span, row, size) => Float64Array.from({length: size}, (_, i) => {
  const step = packed[row * size + i]
  return step === 255 ? NaN : low[row] + span[row] * step / 254
})
const own = (server, metric) => {
  const points = bytes(L.own, L.own_low, L.own_span, server * M + metric, L.own_points)
  return Float64Array.from(at_point, (point) => points[point])
}

// A moving mean over whole weeks leaves growth, quarter ends and holidays to be seen.
const span = Number(pick_detail.value)
const smooth = (values) => span < 2 ? values : values.map((_, i) => {
  const from = Math.max(0, i - Math.floor(span / 2)), some = values.slice(from, i - Math.floor(span / 2) + span)
  return some.reduce((sum, value) => sum + value, 0) / some.length
})

const P = L.days.length
const [mean, low, up, expected] = [0, 1, 2, 3].map((k) => smooth(take(L.series, (g * 4 + k) * M + m, P, high)))
const server = s < 0 ? new Float64Array(P).fill(NaN) : smooth(own(s, m))
const [least, most] = [0, 1].map((k) => {
  if (!L.living) return new Float64Array(P).fill(NaN)
  const band = take(L.between, (g * 2 + k) * M + m, L.own_points, high)
  return smooth(Float64Array.from(at_point, (point) => band[point]))
})
time_source.data = {day: L.days, mean, low, high: up, expected, server, least, most}

const per_day = L.slots / 7
const week = take(L.week, g * M + m, L.slots, high)
const left = Array.from(week, (_, i) => i / per_day)
const names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
const when = left.map((x) => names[Math.floor(x)] + (per_day > 1 ? ` ${String(Math.round(x % 1 * 24)).padStart(2, "0")}:00` : ""))
week_source.data = {left, right: left.map((x) => x + 1 / per_day), mean: week, when}

const B = L.bins + 2, width = high / L.bins
const seen = take(L.shares, (g * 2 + 0) * M + m, B, 100), due = take(L.shares, (g * 2 + 1) * M + m, B, 100)
let a = 0, b = B - 1
while (a < b && !(seen[a] > 0.005 || due[a] > 0.005)) a++
while (b > a && !(seen[b] > 0.005 || due[b] > 0.005)) b--
const bins = Array.from({length: b - a + 1}, (_, i) => a + i)
share_source.data = {
  left: bins.map((i) => (i - 1) * width), right: bins.map((i) => i * width), middle: bins.map((i) => (i - 0.5) * width),
  observed: bins.map((i) => seen[i]), expected: bins.map((i) => due[i]),
  range: bins.map((i) => i === 0 ? `exactly 0 ${unit}` : i === B - 1 ? `exactly ${high} ${unit}`
    : `${+((i - 1) * width).toFixed(2)} to ${+(i * width).toFixed(2)} ${unit}`),
}

const C = L.checks instanceof Map ? Object.fromEntries(L.checks) : L.checks
if (C.texts) Object.assign(C, JSON.parse(C.texts))
const all = C.kind ? Array.from(C.kind.keys()) : []
// Of one archetype all pairs of metrics are shown, of the whole fleet those with the chosen metric.
const about = (metric) => metric === "" || (metric.includes("~") && g > 0) || metric.split("~").includes(L.metrics[m])
const mine = (i, kind) => C.kind[i] === kind && (g === 0 || C.group[i] === L.groups[g]) && about(C.metric[i])
// A phone has no room for long labels: they have two lines there.
const narrow = window.innerWidth < 600, between = narrow ? "\n" : " · ", each_row = narrow ? 36 : 26
const label = (i) => (g === 0 ? `${C.group[i]}${between}` : "") + C.label[i]
const MOST = 40

if (cell_source !== null) {
  const kind = pick_kind.value
  const found = all.filter((i) => mine(i, kind))
  const far = found.length <= MOST ? found : found.slice().sort((i, j) => Math.abs(C.z[j]) - Math.abs(C.z[i])).slice(0, MOST)
  const rows = found.filter((i) => far.includes(i))
  const factors = rows.map((i, k) => rows.findIndex((j) => label(j) === label(i)) === k ? label(i) : `${label(i)} (${k + 1})`)
  cell_range.factors = factors.slice().reverse()
  cell_figure.height = 130 + each_row * Math.max(rows.length, 3)
  const of = (column) => rows.map((i) => C[column][i])
  cell_source.data = {
    label: factors, observed: of("observed"), expected: of("expected"), error: of("error"), z: of("z"),
    difference: rows.map((i) => C.observed[i] - C.expected[i]),
    from: rows.map((i) => -L.critical * C.error[i]), to: rows.map((i) => L.critical * C.error[i]),
    words: rows.map((i) => C.passed[i] ? "as expected" : "FAILED"),
    colour: rows.map((i) => C.passed[i] ? "#0072b2" : "#d55e00"), marker: rows.map((i) => C.passed[i] ? "circle" : "x"),
  }
  // Servers that are individuals are compared by rank, from -1 to 1.
  const plain = !["mean", "sd"].includes(kind) ? "" : L.living ? " (rank)" : ` (${unit})`
  cell_axis.axis_label = `observed minus expected${plain}`
}

// Correlations: those that were checked, or, without a validation, those of all rows.
let pairs = all.filter((i) => mine(i, "correlation")).slice(0, MOST)
  .map((i) => ({label: label(i), observed: C.observed[i], expected: C.expected[i], reach: L.critical * C.error[i]}))
if (pairs.length === 0) {
  for (let i = 0; i < M; i++) for (let j = i + 1; j < M; j++) {
    pairs.push({label: `${L.labels[i]} ~ ${L.labels[j]}`, observed: L.correlation[g][i * M + j], expected: NaN, reach: NaN})
  }
}
pairs = pairs.filter((pair, k) => pairs.findIndex((other) => other.label === pair.label) === k)
pair_range.factors = pairs.map((pair) => pair.label).reverse()
pair_figure.height = 130 + each_row * Math.max(pairs.length, 3)
const ends = pairs.flatMap((p) => [p.observed, p.expected - p.reach, p.expected + p.reach]).filter(Number.isFinite)
const first = Math.min(0, ...ends), last = Math.max(0.1, ...ends), edge = 0.04 * (last - first)
pair_figure.x_range.start = first - edge
pair_figure.x_range.end = last + edge
pair_source.data = {
  label: pairs.map((p) => p.label), observed: pairs.map((p) => p.observed), expected: pairs.map((p) => p.expected),
  from: pairs.map((p) => p.expected - p.reach), to: pairs.map((p) => p.expected + p.reach),
}

const name = `${L.labels[m][0].toUpperCase()}${L.labels[m].slice(1)}`
for (const axis of value_axes) axis.axis_label = `${name}, p95 (${unit})`
for (const glyph of filled) glyph.fill_color = colour
for (const glyph of stroked) glyph.line_color = colour
for (const node of document.querySelectorAll("[data-chosen]")) {
  const what = node.dataset.chosen !== "pairs" ? `, ${L.labels[m]}` : g === 0 ? `, pairs with ${L.labels[m]}` : ""
  node.textContent = L.groups[g] + what
}
