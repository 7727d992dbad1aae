"""How ``report.html`` looks: one style sheet, for light and dark, wide and narrow, mouse and keyboard."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark;
  --page: #fff; --raised: #f6f7f9; --ink: #1c2024; --soft: #5c6670; --line: #d6dbe0; --link: #0b5cad;
  --pass: #18794e; --pass-back: #e3f4ea; --fail: #c62a2f; --fail-back: #ffecec; --warn: #8a5a00;
  --early: #f2d28b; --setup: #c9d6e6; --up: #9bd3b3; --plain: #f0bf8e; --idle: #dfe3e8; --audio: #b5c7f0; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171a; --raised: #1e2328; --ink: #e7eaed; --soft: #a0a9b2; --line: #39414a; --link: #7db8ff;
  --pass: #5ad18d; --pass-back: #15352a; --fail: #ff8d86; --fail-back: #43201f; --warn: #e8b64c;
  --early: #6b5420; --setup: #344357; --up: #1f5a3d; --plain: #74491c; --idle: #333a42; --audio: #33477a; }
  figure img { filter: invert(.92) hue-rotate(180deg); } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
  background: var(--page);
  max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; overflow-wrap: anywhere; }
a { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 1px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
h1, h2, h3, h4 { line-height: 1.25; margin: 0; } h1 { font-size: 1.15rem; font-weight: 600; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
h4 { font-size: .9rem; margin: 0 0 .3rem; } small, .soft, .none { color: var(--soft); font-weight: 400; }
.banner { border-left: 8px solid var(--fail); background: var(--fail-back); padding: .8rem 1rem;
  border-radius: 6px; }
.banner.pass { border-color: var(--pass); background: var(--pass-back); }
.banner strong { font-size: 2rem; line-height: 1.2; display: block; letter-spacing: .02em; }
.pass > strong, .v-pass { color: var(--pass); }
.fail > strong, .error > strong, .v-fail, .v-error { color: var(--fail); }
.banner p { margin: .2rem 0 0; }
pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: 0;
  overflow-x: auto;
  white-space: pre-wrap; background: var(--raised); padding: .6rem .8rem; border-radius: 6px; }
.held { margin-top: 1rem; }
.failed { list-style: none; padding: 0; margin: 0; }
.failed > li { border: 1px solid var(--fail); border-radius: 6px; padding: .6rem .9rem; margin: .6rem 0; }
.failed b::before { content: "\\2717  "; color: var(--fail); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem; margin: .3rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: .9rem; }
td.n, th.n { text-align: right; white-space: nowrap; }
.wide { overflow-x: auto; } .wide td, .wide th { overflow-wrap: normal; }
summary { cursor: pointer; border-radius: 4px; } summary:hover { background: var(--raised); }
.call { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: 0 .9rem; }
.call:not([open]) { margin: -1px 0; border-radius: 0; }
.call.fail { border-color: var(--fail); }
.call > summary, .call > div.row { display: grid; gap: 0 1rem; align-items: baseline; margin: 0 -.9rem;
  padding: .5rem .9rem;
  grid-template-columns: minmax(6.5rem, 1fr) minmax(0, 2.4fr) minmax(0, 2.4fr) minmax(0, 3.2fr) 4.5rem; }
.call > summary::-webkit-details-marker { display: none; } .call > summary { list-style: none; }
.call > summary b::before { content: "\\25B8"; display: inline-block; width: 1em; color: var(--soft); }
.call[open] > summary b::before { content: "\\25BE"; } .call[open] { padding-bottom: 1rem; }
.call .mos { text-align: right; white-space: nowrap; }
.ladder { border: 1px solid var(--line); border-radius: 6px; padding: .3rem 0; overflow: hidden; }
.heads { display: grid; grid-template-columns: repeat(var(--sides), 1fr); margin-left: 4.6rem;
  text-align: center; }
.heads span { padding: .2rem .3rem .4rem; font-size: .85rem; color: var(--soft); }
.heads b { display: block; color: var(--ink); }
.ladder summary, .pause { display: grid; grid-template-columns: 4.6rem 1fr; align-items: center;
  list-style: none; }
.ladder summary::-webkit-details-marker { display: none; }
.ladder time { font: 12px/1 ui-monospace, monospace; color: var(--soft); text-align: right;
  padding-right: .6rem; }
.ladder pre { margin: 0 .6rem .6rem; border: 1px solid var(--line); }
.rung { width: 100%; display: block; }
svg { font: 13px system-ui, sans-serif; fill: var(--ink); overflow: visible; }
.life { stroke: var(--line); stroke-width: 2; } .broken { stroke-dasharray: 2 4; }
.note { font-size: 11px; fill: var(--soft); } .words { font-weight: 600; }
line.request, line.response { stroke: currentColor; stroke-width: 1.8; }
path.request, path.response { fill: currentColor; }
.request { color: var(--link); } .r1 { color: var(--soft); } .r2 { color: var(--pass); }
.r3 { color: var(--warn); }
.r4, .r5, .r6 { color: var(--fail); } line.again { stroke-dasharray: 5 4; }
.timeline { width: 100%; display: block; margin: .3rem 0; } .lane { font-size: 12px; fill: var(--soft); }
.inside { font-size: 12px; } .clip { overflow: hidden; } .digit { font-weight: 700; font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; } .tick { stroke: var(--ink); stroke-width: 1.5; }
.bar { fill: var(--setup); } .s-early { fill: var(--early); } .s-confirmed, .m-secure { fill: var(--up); }
.endless { opacity: .45; }
.m-plain { fill: var(--plain); } .m-inactive { fill: var(--idle); } .play, .record { fill: var(--audio); }
.states { font-size: .85rem; color: var(--soft); margin: .2rem 0; }
.exchange { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .8rem;
  margin: .4rem 0 .9rem; }
mark { background: none; color: var(--warn); }
mark.agreed { background: var(--pass-back); color: var(--pass); font-weight: 700; }
figure { margin: .5rem 0; background: #fff; border-radius: 6px; overflow: hidden; }
figure img { width: 100%; height: auto; display: block; }
@media (prefers-color-scheme: dark) { figure { background: none; } }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 44rem) {
  body { padding: .6rem .7rem 3rem; } .exchange { grid-template-columns: minmax(0, 1fr); }
  .call > summary, .call > div.row { grid-template-columns: 1fr auto; }
  .call .mos { grid-row: 1; grid-column: 2; }
  .call .peer, .call .end, .call .how { grid-column: 1 / 3; padding-left: 1em; font-size: .9rem; }
  .heads { margin-left: 3.3rem; } .ladder summary, .pause { grid-template-columns: 3.3rem 1fr; }
  .rung .note { display: none; }
  .pause .note { display: inline; } .rung .words { font-size: 11.5px; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; }
  figure { overflow-x: auto; } figure img { min-width: 40rem; } }
@media print { details:not([open]) { display: none; } body { max-width: none; } }
"""
