// SPDX-License-Identifier: Apache-2.0
// Pictures of tables: each is drawn from the numbers of the table that stands behind it. Without this file, or what it
// draws with, there are the tables.
/* global uPlot */
"use strict";

(() => {
  if (typeof uPlot !== "function")
    return;

  const HEIGHT = 220, NARROW = 480, HALF_LETTER = 3; // so that the last label is not cut
  const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];
  const number = new Intl.NumberFormat(document.documentElement.lang);

  const text = (cell) => cell.textContent.trim();
  const shown = (cell) => !("off" in cell.dataset);
  const numbers = (row) => [...row.querySelectorAll("td[data-v]")].map((cell) => Number(cell.dataset.v));

  // { labels, series: [{ name, values }] }
  const read = (figure) => {
    const heads = [...figure.querySelectorAll("thead th")].slice(1).filter(shown);
    const rows = [...figure.querySelectorAll("tbody tr")];
    const names = rows.map((row) => text(row.querySelector("th")));
    const values = rows.map(numbers);
    if (figure.dataset.chart === "columns")
      return { labels: heads.map(text), series: names.map((name, i) => ({ name, values: values[i] })) };
    return { labels: names, series: heads.map((cell, i) => ({
      name: text(cell), colour: COLOURS[i % COLOURS.length], below: "below" in cell.dataset, values: values.map((row) => row[i]) })) };
  };

  const sum = (values) => values.reduce((a, b) => a + b, 0);

  // The largest ones, and the others together in the last colour.
  const choose = (series) => {
    const some = series.filter((one) => sum(one.values) > 0).sort((a, b) => sum(b.values) - sum(a.values));
    if (some.length <= COLOURS.length)
      return some;
    const rest = some.slice(COLOURS.length - 1);
    const together = rest[0].values.map((_, i) => sum(rest.map((one) => one.values[i])));
    return [...some.slice(0, COLOURS.length - 1), { name: "…", values: together }];
  };

  // Each on top of those before it, or below them; what is drawn first reaches farthest.
  const stack = (series) => {
    const up = series[0].values.map(() => 0), down = [...up];
    return series.map((one) => one.values.map((v, k) => (one.below ? (down[k] -= v) : (up[k] += v)))).reverse();
  };

  // A line across, where the period ends: in thousandths of a bar.
  const addLine = (u, at, colour) => {
    const x = Math.round(u.valToPos(at / 1000 - 0.5, "x", true));
    u.ctx.save();
    u.ctx.strokeStyle = colour;
    u.ctx.lineWidth = 2 * devicePixelRatio;
    u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  };

  const draw = (figure, place) => {
    const { labels, series } = read(figure);
    const chosen = choose(series);
    place.replaceChildren();
    if (chosen.length === 0)
      return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, font: "12px system-ui" };
    const bars = uPlot.paths.bars({ size: [0.75, 48] });
    const line = Number(figure.dataset.line);
    const options = {
      hooks: { draw: line > 0 ? [(u) => addLine(u, line, colour("--bad"))] : [] },
      width: Math.max(place.clientWidth, 160),
      height: HEIGHT,
      padding: [null, place.clientWidth < NARROW ? Math.max(...labels.map((label) => label.length)) * HALF_LETTER : null, null, null],
      cursor: { show: false },
      legend: { live: false },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (u, low, high) => [Math.min(low * 1.05, 0), Math.max(high * 1.05, 1)] } },
      axes: [
        { ...axis, incrs: [1, 2, 4, 7, 13], values: (u, at) => at.map((i) => labels[i] ?? ""), space: 90 },
        { ...axis, values: (u, at) => at.map((v) => (Number.isInteger(v) ? number.format(v) : "")), size: 70 },
      ],
      series: [
        {},
        ...chosen.map((one, i) => {
          const fill = colour(one.colour ?? COLOURS[i]);
          return { label: one.name, fill, stroke: fill, width: 0, paths: bars, points: { show: false } };
        }).reverse(),
      ],
    };
    new uPlot(options, [labels.map((_, i) => i), ...stack(chosen)], place);
  };

  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", text(figure.querySelector("figcaption")));
    figure.querySelector("figcaption").after(place);
    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth === width)
        return;
      width = place.clientWidth;
      draw(figure, place);
    }).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(figure, place));
  }
})();
