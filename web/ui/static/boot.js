// Runs before the first paint: theme and units as this browser chose them.
(() => {
  const root = document.documentElement;
  const stored = (key) => {
    try {
      return localStorage.getItem("wellkeeper." + key);
    } catch {
      return null; // storage is off: the defaults hold
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => {
    const choice = stored("theme") || "auto";
    root.dataset.theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
  };
  root.classList.add("js");
  theme();
  dark.addEventListener("change", theme);
  addEventListener("wellkeeper-theme", theme);
  const units = stored("units");
  if (units === "si" || units === "oilfield") root.dataset.units = units;
})();
