// Fills the charts of single servers, pools and regions. Runs behind picker.js, and sees what it has worked out.
const K = G - 1, N = L.own_names.length
const kinds = g > 0 ? [g - 1] : Array.from({length: K}, (_, k) => k)
  .map((k) => [k, L.own_kind.reduce((count, kind) => count + (kind === k), 0)])
  .sort((a, b) => b[1] - a[1]).slice(0, 12).map(([k]) => k).sort((a, b) => a - b)

const dots = {mean: [], row: [], name: [], kind: [], colour: []}
const bars = {row: [], low: [], middle: [], high: [], words: []}
const ring = {mean: [], row: []}
kinds.forEach((k, position) => {
  const row = kinds.length - 1 - position, found = []
  for (let i = 0; i < N; i++) {
    const mean = L.own_mean[m * N + i]
    if (L.own_kind[i] !== k || !Number.isFinite(mean)) continue
    // Spread evenly over the row's height, each server always at the same place.
    const at = row + 0.66 * (i * 0.6180339887 % 1 - 0.5)
    found.push(mean)
    dots.mean.push(mean); dots.row.push(at); dots.name.push(L.own_names[i]); dots.kind.push(L.groups[k + 1])
    dots.colour.push(L.colours[k + 1])
    if (i === s) { ring.mean.push(mean); ring.row.push(at) }
  }
  found.sort((a, b) => a - b)
  const quantile = (share) => found[Math.min(found.length - 1, Math.floor(share * found.length))]
  if (found.length === 0) return
  bars.row.push(row); bars.low.push(quantile(0.1)); bars.middle.push(quantile(0.5)); bars.high.push(quantile(0.9))
  bars.words.push(L.groups[k + 1])
})
level_ticker.ticks = bars.row.slice().reverse()
level_figure.height = 110 + 64 * Math.max(kinds.length, 2)
level_figure.y_range.start = -0.5
level_figure.y_range.end = kinds.length - 0.5
level_dots.size = dots.name.length > 600 ? 3.5 : 6
level_bars.data = bars
level_source.data = dots
level_mine.data = ring

if (L.beside_kinds.length > 0) {
  const entry = Math.max(0, L.beside_kinds.indexOf(L.groups[g]))
  const before = L.beside_kinds.slice(0, entry).reduce((sum, _, k) => sum + L.beside_pool[k].length + L.beside_alone[k].length, 0)
  const hues = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b8a900"], T = L.moments.length
  const lines = (servers, from) => ({
    xs: servers.map(() => L.moments), ys: servers.map((_, i) => bytes(L.beside, L.beside_low, L.beside_span, (from + i) * M + m, T)),
    name: servers.map((server) => L.own_names[server] ?? ""), colour: servers.map((_, i) => hues[i % hues.length]),
  })
  pool_source.data = lines(L.beside_pool[entry], before)
  alone_source.data = lines(L.beside_alone[entry], before + L.beside_pool[entry].length)
  for (const node of document.querySelectorAll("[data-beside]")) node.textContent = `${L.beside_kinds[entry]}, ${L.labels[m]}`
}

if (kin_source !== null) {
  const bins = L.kin.length / (K * 2 * M)
  const shares = (which) => {
    const sum = new Float64Array(bins)
    for (const k of g > 0 ? [g - 1] : Array.from({length: K}, (_, k) => k)) {
      for (let i = 0; i < bins; i++) sum[i] += L.kin[((k * 2 + which) * M + m) * bins + i]
    }
    const all = sum.reduce((a, b) => a + b, 0)
    return sum.map((count) => 100 * count / Math.max(all, 1))
  }
  const left = Array.from({length: bins}, (_, i) => -1 + 2 * i / bins)
  kin_source.data = {left, right: left.map((x) => x + 2 / bins), pool: shares(0), alone: shares(1)}
}

if (local_source !== null) {
  const R = L.regions.length, hours = Array.from({length: 168}, (_, i) => i)
  const data = {day: hours.map((hour) => hour / 24), when: hours.map((hour) => `${names[Math.floor(hour / 24)]} ${String(hour % 24).padStart(2, "0")}:00`)}
  for (let r = 0; r < R; r++) data[`r${r}`] = take(L.local, (g * M + m) * R + r, 168, high)
  local_source.data = data
}

// A click on a server, in a table or among the dots, shows it in the charts.
if (!L.listening) {
  L.listening = true
  const show = (server) => { pick_group.value = L.groups[0]; pick_server.value = server }
  for (const link of document.querySelectorAll("[data-server]")) link.addEventListener("click", () => show(link.dataset.server))
  level_source.selected.change.connect(() => {
    const at = level_source.selected.indices[0]
    if (at !== undefined) pick_server.value = level_source.data.name[at]
  })
}
