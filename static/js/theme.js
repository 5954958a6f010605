// Sets light or dark before the first paint; loaded in the head without defer for that reason.
(() => {
  "use strict";
  const read = () => {
    try {
      return localStorage.getItem("theme") || "system";
    } catch {
      return "system";
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const choice = read();
    const theme = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    document.documentElement.dataset.bsTheme = theme;
    document.documentElement.dataset.themeChoice = choice;
    // The cookie lets the server render the same theme before any script runs.
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  };
  window.setTheme = (choice) => {
    try {
      localStorage.setItem("theme", choice);
    } catch {
      // Storage may be forbidden; the choice then lasts for this page.
    }
    apply();
  };
  dark.addEventListener("change", apply);
  apply();
})();
