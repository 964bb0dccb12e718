"""The style and the script of a report: both are part of the page, and it reads well without."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f8fa;--ink:#1b1f24;--soft:#57606a;
--line:#d0d7de;--blue:#0072b2;--orange:#b35900;--amber:#e69f00;--wash:#f4c56a66;--pale:#e4e7ea;
--light:#b8bec4;--grey:#6e7781;--band:#0072b233;--vermillion:#d55e00}
@media(prefers-color-scheme:dark){:root{--paper:#0f1419;--card:#1a2129;--ink:#e6edf3;
--soft:#9aa7b4;--line:#38424d;--blue:#56b4e9;--orange:#ff9d4d;--amber:#e69f00;--wash:#e69f0044;
--pale:#26303a;--light:#3d4955;--grey:#75818d;--band:#56b4e933;--vermillion:#ff8a3d}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem clamp(.8rem,3vw,2.5rem) 4rem;max-width:86rem;
background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0 .6rem}
h2{font-size:1.3rem;margin:2.4rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1.08rem;margin:1.5rem 0 .35rem}
p{margin:.4rem 0;max-width:60rem}ul{margin:.3rem 0;padding-left:1.2rem;max-width:62rem}
.soft,figcaption,dt,.note{color:var(--soft)}.note{font-size:.9rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.5rem 1.4rem;
margin:.8rem 0}dl div{min-width:0}dt{font-size:.82rem}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;
white-space:pre-wrap;overflow-wrap:anywhere;font:.9rem/1.45 ui-monospace,monospace;margin:.4rem 0}
button{font:inherit;font-size:.85rem;color:var(--ink);background:var(--card);cursor:pointer;
border:1px solid var(--line);border-radius:6px;padding:.15rem .6rem}
.wide{overflow-x:auto;max-width:100%}.tall{max-height:32rem;overflow-y:auto}
table{border-collapse:collapse;font-size:.95rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .8rem .3rem 0;text-align:left;border-bottom:1px solid var(--line);
vertical-align:top}th{font-size:.85rem;color:var(--soft);font-weight:600}
th[data-sorts]{cursor:pointer;text-decoration:underline dotted;text-underline-offset:3px}
.n{text-align:right}
.outcome{font-weight:650;white-space:nowrap}.success{color:var(--blue)}
.crash{color:var(--vermillion)}.timeout{color:var(--orange)}.aborted{color:var(--soft)}
.story{font-size:1.05rem;background:var(--card);border-left:4px solid var(--blue);
padding:.6rem 1rem .6rem 2.1rem;border-radius:0 6px 6px 0}.story li{margin:.2rem 0}
.badge{display:inline-block;min-width:1.45em;padding:0 .35em;border-radius:.8em;text-align:center;
background:var(--ink);color:var(--paper);font-weight:700;font-size:.82em;line-height:1.5}
.mission{display:grid;grid-template-columns:minmax(16rem,24rem) minmax(0,1fr);gap:0 2rem}
.mission>*{min-width:0}
.strip{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:1rem}
figure{margin:0}.strip img{width:100%;height:auto;display:block;border-radius:4px;
image-rendering:auto}.rejected{margin:3px 0;padding:.8rem;background:var(--wash);border-radius:4px;
font-size:.85rem;aspect-ratio:16/9;display:grid;place-content:center;text-align:center}
.strip img+img{margin-top:3px}
.hardly{margin:2px 0;font-size:.82rem;font-style:italic;color:var(--ink)}
figcaption{font-size:.86rem;line-height:1.35}
figcaption b{color:var(--ink)}.nobr{white-space:nowrap}
.bars{display:grid;grid-template-columns:5.6rem minmax(1rem,1fr) 2.4rem;gap:1px .4rem;
font-size:.78rem;margin:.25rem 0 0;color:var(--ink);line-height:1.4}
.bars em{font-style:normal;text-align:right;font-variant-numeric:tabular-nums}
.bars i{display:block;position:relative;height:1.1em}
.bars i::before{content:"";position:absolute;left:50%;top:0;bottom:0;width:1px;
background:var(--grey)}
.bars i b{position:absolute;top:.15em;bottom:.15em;background:var(--blue)}
.bars i b.m{background:var(--orange)}
.map>svg{width:100%;height:auto;max-height:30rem;background:var(--card);border-radius:6px;
display:block}
.legend{font-weight:400;display:flex;
flex-wrap:wrap;gap:.1rem 1rem;font-size:.82rem;color:var(--soft);
list-style:none;padding:0;margin:.3rem 0}
.legend span{display:inline-block;width:1.5em;height:.75em;margin-right:.35em;
vertical-align:-.05em}
.chart{display:grid;grid-template-columns:4.2rem minmax(0,1fr);margin:.1rem 0 .75rem}
.chart h4{grid-column:1/3;margin:0;font-size:.92rem}.chart h4 span{font-weight:400;
color:var(--soft)}
.plot{margin-top:.45rem;position:relative;height:var(--h,84px);border-left:1px solid var(--grey);
border-bottom:1px solid var(--grey)}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:hidden}
.ticks{margin-top:.45rem;position:relative;font-size:.72rem;color:var(--soft)}
.ticks span{position:absolute;right:.35rem;transform:translateY(50%);white-space:nowrap}
.times{grid-column:2;position:relative;height:1.1rem;font-size:.72rem;color:var(--soft)}
.times span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.flags{grid-column:2;position:relative;height:1.25rem;font-size:.8rem;color:var(--vermillion);font-weight:650}
.flags span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.marks{grid-column:2;position:relative;height:1.5rem;font-size:.85rem}
.marks span{position:absolute;transform:translateX(-50%)}
svg .line{fill:none;stroke:var(--blue);stroke-width:1.8;vector-effect:non-scaling-stroke}
svg .second{stroke:var(--orange);stroke-dasharray:5 3}
svg .third{stroke:var(--grey);stroke-dasharray:2 3}
svg .band{fill:var(--band);stroke:none}
svg .ref{stroke:var(--soft);stroke-dasharray:7 4;stroke-width:1.2;fill:none;
vector-effect:non-scaling-stroke}
svg .mark{stroke:var(--grey);stroke-width:1;opacity:.55;vector-effect:non-scaling-stroke}
svg .onset{stroke:var(--vermillion);stroke-width:2;vector-effect:non-scaling-stroke}
svg .novel{fill:var(--wash)}
.heat{width:100%;height:100%;position:absolute;inset:0;image-rendering:pixelated}
details{border:1px solid var(--line);border-radius:6px;padding:.2rem .9rem;margin:.5rem 0}
details[open]{padding-bottom:.9rem}summary{cursor:pointer;padding:.25rem 0}
.thumbs{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.7rem}
.thumbs figcaption{font-size:.8rem}.thumbs svg{background:var(--card);border-radius:4px}
@media(max-width:52rem){.mission{grid-template-columns:minmax(0,1fr)}h1{font-size:1.35rem}
.strip{grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr))}}
@media print{.tall{max-height:none}body{max-width:none;padding:0;font-size:11pt}button{display:none}
figure,.chart,tr{break-inside:avoid}h2,h3{break-after:avoid}details{border:0;padding:0}}
"""
SCRIPT = """
(function(){try{
document.querySelectorAll('table.sortable').forEach(function(table){
if(table.tBodies[0].rows.length<2)return;
table.querySelectorAll('th').forEach(function(head,column){
head.setAttribute('data-sorts','');head.tabIndex=0;head.title='Sort by this column';
var down=false,sort=function(){down=!down;
var key=function(row){var t=row.cells[column].textContent.trim().replace('\\u2212','-');
var v=parseFloat(t);return isNaN(v)?t:v;};
Array.from(table.tBodies[0].rows).sort(function(a,b){a=key(a);b=key(b);
if(typeof a!==typeof b){a=String(a);b=String(b);}
return (a<b?-1:a>b?1:0)*(down?1:-1);}).forEach(function(row){table.tBodies[0].appendChild(row);});};
head.addEventListener('click',sort);
head.addEventListener('keydown',function(e){if(e.key==='Enter')sort();});});});
document.querySelectorAll('pre.command').forEach(function(pre){
if(!navigator.clipboard)return;var button=document.createElement('button');
button.textContent='Copy';button.addEventListener('click',function(){
navigator.clipboard.writeText(pre.textContent).then(function(){button.textContent='Copied';});});
pre.after(button);});
addEventListener('beforeprint',function(){document.querySelectorAll('details').forEach(
function(one){one.open=true;});});
}catch(e){}})();
"""
