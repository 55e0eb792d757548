// Code, output and tables that scroll can be scrolled with the keyboard, too.
const markScrolling = () => {
  for (const element of document.querySelectorAll("article pre, article .table-wrapper")) {
    const isScrolling = element.scrollWidth > element.clientWidth
      || element.scrollHeight > element.clientHeight;
    if (isScrolling) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
};
window.addEventListener("load", markScrolling);
window.addEventListener("resize", markScrolling);
