// Loads the dashboard. A file of its own, because the page's content policy refuses scripts inside it.
import init from "./dashboard.js";

try {
  const scheme = localStorage.getItem("pathgate.scheme");
  if (scheme === "light" || scheme === "dark") document.documentElement.dataset.scheme = scheme;
} catch {
  // A browser that keeps nothing wears what the system says.
}

init({ module_or_path: new URL("./dashboard.wasm", import.meta.url) }).catch((error) => {
  const fault = document.getElementById("fault");
  fault.textContent = `The dashboard could not be started in this browser: ${error}`;
  fault.hidden = false;
});
