"""The style sheet of the pages."""

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --paper: #fbfcfd; --card: #fff; --mark: #1f6f8b; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 92rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .8rem; }
h2 { font-size: 1.2rem; margin: 0 0 .4rem; }
h3 { font-size: .95rem; margin: 0; overflow-wrap: anywhere; }
.scroll + h3, p + h3, .beside > div > h3 { margin: 1.2rem 0 .4rem; }
p { margin: .3rem 0 .8rem; max-width: 46rem; overflow-wrap: anywhere; }
section { margin-top: 2.6rem; }
.shown > :first-child { margin-top: 0; } .shown { min-width: 0; }
.said > p { font-size: .95rem; }
.soft, figcaption, footer { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; }
footer p { max-width: none; }
.note { border-left: 3px solid #d9a521; background: #fdf8e8; padding: .5rem .8rem; }
.note, h1 + p { max-width: 64rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: .9rem;
  margin: 1.2rem 0; }
.card, .user, .verdict, .couple { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .8rem 1rem; min-width: 0; }
.card h3::first-letter { text-transform: uppercase; }
.value { font-size: 2rem; font-weight: 650; line-height: 1.3; color: var(--mark); }
.value, .real, .range { font-variant-numeric: tabular-nums; }
.real { font-weight: 600; } .range { color: var(--soft); font-size: .85rem; font-weight: 400; white-space: nowrap; }
.card p { font-size: .88rem; color: var(--soft); margin: .4rem 0 0; }
.users { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(38rem, 100%), 1fr)); gap: .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); gap: .1rem 1.4rem;
  margin: .5rem 0 0; font-size: .85rem; font-variant-numeric: tabular-nums; }
.figures div { display: flex; justify-content: space-between; border-bottom: 1px dotted var(--line); gap: .6rem; }
.figures dt { color: var(--soft); } .figures dd { margin: 0; font-weight: 600; white-space: nowrap; }
.verdict { border-left: 6px solid var(--mark); margin: 1.2rem 0; }
strong.passed { color: #1c7a4f; } strong.failed { color: #b3352b; }
strong.not-measured, strong.incomplete { color: #8a6a00; }
.verdict.passed { border-left-color: #1c7a4f; } .verdict.failed { border-left-color: #b3352b; }
.verdict.incomplete { border-left-color: #d9a521; } .verdict table { color: var(--ink); width: 100%; }
.couples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: .8rem; }
.couple { padding: .6rem .8rem; }
.couple.copy { border: 2px solid #b3352b; }
.beside { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; align-items: flex-start; }
.beside > * { flex: 0 1 auto; min-width: 0; max-width: 100%; }
.beside > .drawn { flex: 1 1 min(25rem, 100%); max-width: min(40rem, 100%); }
figure.chart { margin: .3rem 0; max-width: 40rem; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--mark); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: .4rem 1.2rem; }
.user .pair { grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); }
figure { margin: .3rem 0 0; }
.strip { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; }
.couple .strip { grid-template-columns: 1fr 1fr; }
.strip img { width: 100%; display: block; image-rendering: pixelated; border-radius: 3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; background: var(--card); font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: .25rem .55rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; background: #f2f5f8; }
th:first-child { text-align: left; position: sticky; left: 0; }
tbody th:first-child { white-space: normal; min-width: 8.5rem; overflow-wrap: anywhere; }
.confusion tbody th:first-child { min-width: 0; white-space: nowrap; max-width: 9rem; overflow: hidden;
  text-overflow: ellipsis; }
.confusion td { text-align: center; min-width: 2.3rem; }
.confusion thead th + th { max-width: 7rem; overflow: hidden; text-overflow: ellipsis; }
.words td { white-space: normal; text-align: left; }
.stacked th:last-child { text-align: left; } .stacked tbody th:first-child { white-space: nowrap; }
.stacked td:last-child { white-space: normal; text-align: left; color: var(--soft); }
.stacked th:nth-child(2), .stacked td:nth-child(2) { text-align: left; }
.verdict code { white-space: nowrap; }
code { font-size: .85rem; overflow-wrap: anywhere; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media (min-width: 68rem) {
  section { display: grid; grid-template-columns: 20rem minmax(0, 1fr); gap: 0 2.4rem; }
  section.wide { display: block; }
}
@media (max-width: 44rem) {
  th, td { white-space: normal; } .confusion td { min-width: 1.8rem; padding: .25rem .3rem; }
  .confusion th { padding: .25rem .3rem; } .confusion thead th:first-child { min-width: 5.5rem; }
  .stacked thead { display: none; }
  .stacked tr { display: grid; grid-template-columns: 1fr auto; padding: .4rem 0; border-top: 1px solid var(--line); }
  .stacked th, .stacked td { border: 0; background: none; position: static; padding: .1rem 0; text-align: left; }
  .stacked td { white-space: normal; overflow-wrap: anywhere; }
  .stacked td:nth-child(4) { text-align: right; color: var(--soft); }
  .stacked td:last-child { grid-column: 1 / -1; }
}
"""
