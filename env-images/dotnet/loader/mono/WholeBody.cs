using System;
using System.IO;
using System.Reflection;

namespace Hearth.Loader
{
    /// <summary>
    /// A request's body. Mono's own streams answer 0, which means the end, also when the caller has left in the middle, and when all that
    /// has arrived of a chunk is a part of its head; this one throws in the first case and waits in the second.
    /// </summary>
    public sealed class WholeBody : Stream
    {
        // Each empty read has taken at least one byte of a chunk's head, or its caller is gone; longer heads are nobody's.
        private const int EmptyReads = 4096;
        private readonly Stream _inner;
        private readonly Func<bool> _ended;

        /// <summary>Where the end is known by Mono's internals only (frozen at 6.8 in Debian).</summary>
        public WholeBody(Stream inner)
        {
            _inner = inner;
            var type = inner.GetType();
            var ended = Field(type, "no_more_data");
            var remaining = Field(type, "remaining_body");
            if (ended != null) _ended = () => (bool)ended.GetValue(inner);
            else if (remaining != null) _ended = () => (long)remaining.GetValue(inner) <= 0;
            else _ended = () => true;
        }

        private static FieldInfo Field(Type type, string name)
        {
            return type.GetField(name, BindingFlags.Instance | BindingFlags.NonPublic);
        }

        public override bool CanRead
        {
            get { return true; }
        }

        public override bool CanSeek
        {
            get { return false; }
        }

        public override bool CanWrite
        {
            get { return false; }
        }

        public override long Length
        {
            get { throw new NotSupportedException(); }
        }

        public override long Position
        {
            get { throw new NotSupportedException(); }
            set { throw new NotSupportedException(); }
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (count == 0) return 0;
            for (var tries = 0; tries < EmptyReads; tries++)
            {
                var read = _inner.Read(buffer, offset, count);
                if (read > 0 || _ended()) return read;
            }
            throw new EndOfStreamException("the caller left before the end of the request's body");
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin)
        {
            throw new NotSupportedException();
        }

        public override void SetLength(long value)
        {
            throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            throw new NotSupportedException();
        }
    }
}
