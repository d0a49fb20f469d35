// The little that the browser does by itself: theme and language, the note that the connection is lost, a flash where a
// value has changed. Everything else is done by the server.
"use strict";

(() => {
  const root = document.documentElement;
  const year = 31536000;

  const cookie = (name) =>
    document.cookie
      .split("; ")
      .find((one) => one.startsWith(name + "="))
      ?.slice(name.length + 1);

  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=/; Max-Age=${value ? year : 0}; SameSite=Lax${secure}`;
  };

  const dress = () => {
    const theme = cookie("caretaker-theme");
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  window.caretaker = {
    language(tag) {
      keep("caretaker-language", tag);
      location.reload();
    },
    theme(name) {
      keep("caretaker-theme", name === "auto" ? "" : name);
      dress();
    },
  };
  root.lang = document.currentScript.dataset.lang;
  dress();

  // NiceGUI shows and hides #popup when the connection is lost and found; ours says since when.
  const watchConnection = () => {
    const popup = document.getElementById("popup");
    const lost = document.getElementById("lost");
    if (!popup || !lost) return;
    new MutationObserver(() => {
      const away = popup.getAttribute("aria-hidden") === "false";
      if (away && lost.hidden) {
        const time = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
        lost.textContent = lost.dataset.text.replace("{time}", time);
      }
      lost.hidden = !away;
    }).observe(popup, { attributes: true, attributeFilter: ["aria-hidden"] });
  };

  const watchValues = () => {
    new MutationObserver((changes) => {
      for (const change of changes) {
        const element = (change.target.nodeType === Node.TEXT_NODE ? change.target.parentElement : change.target)?.closest(
          ".number",
        );
        if (!element) continue;
        element.classList.remove("flash");
        requestAnimationFrame(() => element.classList.add("flash"));
      }
    }).observe(document.body, { subtree: true, characterData: true });
  };

  // The menu closes as menus do.
  const watchMenu = () => {
    const close = (menu) => {
      menu.open = false;
    };
    document.addEventListener("click", (event) => {
      document.querySelectorAll("details.more[open]").forEach((menu) => menu.contains(event.target) || close(menu));
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      document.querySelectorAll("details.more[open]").forEach((menu) => {
        close(menu);
        menu.querySelector("summary")?.focus();
      });
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    watchConnection();
    watchValues();
    watchMenu();
  });
})();
