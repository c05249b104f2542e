// Draws the charts in the page's own colours, and again when the system turns to dark or light.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const themed = (layout) => {
    const [ink, line, panel] = [colour("--ink"), colour("--line"), colour("--panel")];
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
    return {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: panel, bordercolor: line, font: { color: ink } },
      // A finger scrolls the page; a mouse may zoom into a chart.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
    };
  };

  const draw = () => {
    for (const [id, chart] of Object.entries(charts)) {
      Plotly.react(id, chart.data, themed(chart.layout), { displayModeBar: false, responsive: true });
    }
  };

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
