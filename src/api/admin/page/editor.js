// CodeMirror in a shadow root: there its styles are constructed sheets, which the page's policy allows, not <style>
// elements, which it does not.
import { EditorView, basicSetup } from 'codemirror';
import { EditorState } from '@codemirror/state';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { yaml } from '@codemirror/lang-yaml';
import { python } from '@codemirror/lang-python';
import { javascript } from '@codemirror/lang-javascript';

const LANGUAGES = { yaml, python, javascript };

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword, tags.controlKeyword, tags.moduleKeyword, tags.operatorKeyword], color: 'var(--code-word)' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--code-number)' },
  { tag: [tags.comment, tags.meta], color: 'var(--code-comment)' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.attributeName], color: 'var(--code-name)' },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName), tags.className], color: 'var(--code-name)' },
]);

const look = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--field)', fontSize: '13px', borderRadius: '8px', border: '1px solid var(--line-strong)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', minHeight: '160px', maxHeight: '65vh', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--muted)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--select)' },
  '.cm-panels, .cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--text)' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--hover)', color: 'var(--text)', border: 'none' },
});

/// Opens an editor in `host`: {go(line, column), close()}.
export function open(host, { value, language, readOnly, label, onEdit }) {
  const root = host.shadowRoot || host.attachShadow({ mode: 'open' });
  const extensions = [
    basicSetup, look, syntaxHighlighting(colours),
    EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
    EditorView.updateListener.of((update) => { if (update.docChanged) onEdit(update.state.doc.toString()); }),
    EditorView.editable.of(!readOnly), EditorState.readOnly.of(Boolean(readOnly)), EditorState.tabSize.of(4),
  ];
  if (LANGUAGES[language]) extensions.push(LANGUAGES[language]());
  const view = new EditorView({ state: EditorState.create({ doc: value, extensions }), parent: root, root });
  return {
    go(line, column) {
      const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
      view.dispatch({ selection: { anchor: Math.min(at.to, at.from + Math.max(0, (column || 1) - 1)) }, scrollIntoView: true });
      view.focus();
    },
    close() { view.destroy(); },
  };
}
