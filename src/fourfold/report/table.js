// Tables whose headings sort: numbers from the best first look useful from either end, so a second press reverses.

function sortTable(table, column) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rising = headings[column].getAttribute("aria-sort") !== "ascending";
  const key = (row) => row.cells[column].dataset.value;
  const numeric = headings[column].classList.contains("number");
  const compare = (a, b) => (numeric ? Number(a) - Number(b) : a.localeCompare(b));
  // Rows without a value stay at the end in either direction.
  const rows = [...body.rows].sort((a, b) => {
    const [first, second] = [key(a), key(b)];
    if (first === "" || second === "") return (first === "") - (second === "");
    return rising ? compare(first, second) : compare(second, first);
  });
  body.append(...rows);
  headings.forEach((heading) => heading.removeAttribute("aria-sort"));
  headings[column].setAttribute("aria-sort", rising ? "ascending" : "descending");
}

function listenToTable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sortTable(table, column));
  });
}
