// Charts that stand side by side become one that a slider changes. Without this script they stay as they are.
(() => {
  const enliven = (steps) => {
    const charts = [...steps.querySelectorAll("figure")];
    const slider = steps.querySelector("input"), output = steps.querySelector("output");
    const here = steps.parentElement.querySelector(".planner-here");
    const show = (at) => {
      charts.forEach((chart, i) => { chart.hidden = i !== at; });
      const { told, x } = charts[at].dataset;
      slider.setAttribute("aria-valuetext", told);
      output.textContent = told;
      if (here) {
        here.setAttribute("transform", `translate(${x})`);
        here.removeAttribute("visibility");
      }
    };
    steps.dataset.live = "yes";
    slider.closest("label").hidden = false;
    show(charts.length - 1);
    steps.style.minHeight = `${steps.offsetHeight}px`; // what stands below does not jump
    slider.addEventListener("input", () => show(Number(slider.value)));
    show(Number(slider.value));
  };
  // What has a neighbour is whole: a page that is still being read may end amid the charts of another cell.
  const all = () => document.querySelectorAll(".planner-steps:not([data-live]):has(+ *)").forEach(enliven);
  all();
  setTimeout(all); // some front ends run scripts before what they belong to is in the page
})();
