// Runs before the first paint, so that a page that was switched to dark does not flash in light.
try {
  const chosen = localStorage.getItem("clnp-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* storage is off: the system's choice holds */ }
