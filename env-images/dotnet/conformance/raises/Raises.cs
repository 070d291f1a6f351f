using System;
using Hearth;

public class Raises
{
    public Raises()
    {
        throw new InvalidOperationException("conformance-load");
    }

    public void Handle(Request request, Response response)
    {
    }
}
