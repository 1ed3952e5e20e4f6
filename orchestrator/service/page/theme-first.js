// Runs before the first paint, so that a page in the dark theme does not flash in light.
try {
  const chosen = localStorage.getItem("clnp-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* storage is off: use the system's theme */ }
