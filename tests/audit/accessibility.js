// What is wrong on a page for whoever cannot see or point, as a list of sentences; empty where nothing is.
const wrong = [], say = (what, each) => wrong.push(`${what}: ${each.outerHTML.slice(0, 160)}`);
const seen = (each) => each.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
const name = (each) => {
  const by = (each.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean).map((id) => document.getElementById(id));
  if (by.length) return by.map((one) => one && one.textContent).join(' ').trim();
  const label = each.labels && each.labels.length ? Array.from(each.labels, (one) => one.textContent).join(' ') : '';
  const own = ['INPUT', 'SELECT', 'TEXTAREA'].includes(each.tagName) ? '' : each.textContent;
  return (each.getAttribute('aria-label') || label || own || each.getAttribute('title') || '').trim();
};
// Names and roles: what can be focused says what it is; a role that acts is focusable; labels refer to what is there.
for (const each of document.querySelectorAll('button, a[href], input, select, summary, [role=button]')) if (!name(each)) say('no name', each);
for (const each of document.querySelectorAll('[role=img]')) if (!name(each)) say('picture without a name', each);
for (const each of document.querySelectorAll('[role=button]')) if (each.tabIndex < 0) say('not focusable', each);
for (const each of document.querySelectorAll('[tabindex]')) if (Number(each.getAttribute('tabindex')) > 0) say('order by hand', each);
for (const each of document.querySelectorAll('[aria-hidden=true]')) if (each.querySelector('a, button, input, [tabindex="0"]')) say('hidden but focusable', each);
for (const each of document.querySelectorAll('[aria-labelledby], [aria-describedby], [aria-controls]'))
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls'])
    for (const id of (each.getAttribute(attribute) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) say(`no ${id}`, each);
const ids = Array.from(document.querySelectorAll('[id]'), (each) => each.id);
for (const id of new Set(ids.filter((each, place) => ids.indexOf(each) !== place))) wrong.push(`twice: #${id}`);
for (const each of document.querySelectorAll('a[href^="#"]:not([href^="#row="])')) if (!document.getElementById(decodeURIComponent(each.getAttribute('href').slice(1)))) say('leads nowhere', each);
// Landmarks, and headings without a level left out; tables with heads; what scrolls is reached by keys.
for (const each of ['main', 'nav', 'h1']) if (document.querySelectorAll(each).length !== 1) wrong.push(`not one ${each}`);
if (!document.documentElement.lang || !document.title) wrong.push('no language or title');
let level = 0;
for (const each of document.querySelectorAll('h1, h2, h3, h4')) {
  const now = Number(each.tagName[1]);
  if (now > level + 2) say('level left out', each);
  level = now;
}
for (const each of document.querySelectorAll('table')) if (!each.querySelector('thead th')) say('table without heads', each);
for (const each of document.querySelectorAll('main *')) {
  const style = getComputedStyle(each);
  if (seen(each) && /auto|scroll/.test(style.overflowX + style.overflowY) && (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
      && each.tabIndex < 0 && !each.querySelector('a, button, input, select, summary, [tabindex="0"]')) say('scrolls, not by keys', each);
}
// Contrast of words with the ground that they stand on.
const parse = (text) => { const found = text.match(/[\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
const light = (colour) => colour.slice(0, 3).map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
  .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), told = new Set();
while (walker.nextNode()) {
  const each = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !each || each.closest('svg, script, style, canvas, option, :disabled, [aria-pressed=false]') || !seen(each)) continue;
  const grounds = [];
  let opacity = 1;
  for (let one = each; one; one = one.parentElement) { const style = getComputedStyle(one); grounds.push(parse(style.backgroundColor)); opacity *= Number(style.opacity); }
  const ground = grounds.reverse().reduce((below, above) => over(above, below), [255, 255, 255, 1]);
  const ink = parse(getComputedStyle(each).color), shown = over([ink[0], ink[1], ink[2], ink[3] * opacity], ground);
  const [a, b] = [light(shown), light(ground)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
  const key = `${each.tagName}.${each.className}`;
  if (ratio < 4.49 && !told.has(key)) { told.add(key); say(`contrast ${ratio.toFixed(2)}`, each); }
}
return wrong;
